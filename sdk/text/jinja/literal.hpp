// A text between quotes with Python's escapes.
#pragma once
#include <string>
#include <string_view>

namespace strata::text::jinja {

struct Literal {
  std::string value;
  std::size_t length = 0;  // with its quotes
  std::string refusal;     // why it is invalid; empty where it is valid
};

// `text` begins with a quote.
Literal read_literal(std::string_view text);

}  // namespace strata::text::jinja
