// A template's text in tokens, white space around its tags already as it was asked for.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/text/jinja/value.hpp"

namespace strata::text::jinja {

// What a template's text does not allow, with its line.
struct SyntaxError {
  int line;
  std::string what;
};

struct Token {
  enum class Kind {
    data,
    output_begin,
    output_end,
    block_begin,
    block_end,
    name,
    text,
    integer,
    number,
    symbol,
    end
  };
  Kind kind = Kind::end;
  std::string text;  // what it stands for: escapes of a text are resolved
  int line = 1;

  bool is(Kind wanted, std::string_view spelled) const { return kind == wanted && text == spelled; }
};

// With trim_blocks and lstrip_blocks, as chat templates are read. Throws SyntaxError.
std::vector<Token> lex(std::string_view source);

}  // namespace strata::text::jinja
