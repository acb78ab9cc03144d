// Python's arithmetic on numbers, texts and lists.
#pragma once
#include "text/jinja/budget.hpp"
#include "text/jinja/tree.hpp"

namespace strata::text::jinja {

// Computes all operators but `both` and `either`. Throws Refused for other types, for a division by
// zero, and where an integer needs more than 64 bits.
Value arithmetic(Budget& budget, Operator operation, const Value& a, const Value& b);
Value negated(const Value& value);
// Both read a text as int() and float() do; none where those raise ValueError.
Value parsed_integer(std::string_view text);
Value parsed_float(std::string_view text);
// The number truncated to an integer. Throws Refused where it has more than 64 bits.
Value truncated(double number);

}  // namespace strata::text::jinja
