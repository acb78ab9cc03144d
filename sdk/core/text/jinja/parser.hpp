// From tokens to a tree, as the package jinja2 reads them.
#pragma once
#include <string_view>

#include "core/text/jinja/lexer.hpp"
#include "core/text/jinja/tree.hpp"

namespace strata::text::jinja {

// Throws SyntaxError, also for what the package knows and this does not.
Statements parse(std::string_view source);

}  // namespace strata::text::jinja
