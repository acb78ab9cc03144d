// The tokens of a template's text, with the white space around its tags already trimmed.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.hpp"

namespace strata::text::jinja {

// A syntax error in a template's text, with its line.
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
  std::string text;  // its meaning: the escapes of a text are resolved
  int line = 1;

  bool is(Kind wanted, std::string_view spelled) const { return kind == wanted && text == spelled; }
};

// Reads with trim_blocks and lstrip_blocks, as transformers reads chat templates. Throws
// SyntaxError.
std::vector<Token> lex(std::string_view source);

}  // namespace strata::text::jinja
