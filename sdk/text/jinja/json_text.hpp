// The filter tojson, with the output of Python's json.dumps.
#pragma once
#include <optional>
#include <string>

#include "text/jinja/budget.hpp"

namespace strata::text::jinja {

struct JsonStyle {
  bool ascii = false;                 // other characters as \uXXXX
  bool sorted = false;                // by key
  std::optional<std::string> indent;  // of each level; none: one line
  std::string between = ", ", colon = ": ";
};

// Throws Refused for a value that JSON does not have.
std::string json_text(Budget& budget, const Value& value, const JsonStyle& style);

}  // namespace strata::text::jinja
