// The parser from tokens to a tree, as jinja2 reads them.
#pragma once
#include <string_view>

#include "text/jinja/lexer.hpp"
#include "text/jinja/tree.hpp"

namespace strata::text::jinja {

// Throws SyntaxError, also for constructs that jinja2 knows and this parser does not.
Statements parse(std::string_view source);

}  // namespace strata::text::jinja
