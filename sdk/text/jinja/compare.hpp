// Python's comparisons, and the elements of its containers.
#pragma once
#include <functional>

#include "text/jinja/budget.hpp"

namespace strata::text::jinja {

enum class Comparison { equal, unequal, less, less_equal, greater, greater_equal, in, not_in };

bool truth(const Value& value);
bool equal(Budget& budget, const Value& a, const Value& b);
// Throws Refused where Python does not compare the two.
bool compare(Budget& budget, Comparison by, const Value& a, const Value& b);
// Returns a test whether another key of a dict equals this one; throws Refused where it cannot be a
// key.
std::function<bool(const Value&)> hashable(const Value& key);
// The elements that Python's iteration gives; a generator is empty afterward.
Values elements(Budget& budget, const Value& value);
bool iterable(const Value& value);

}  // namespace strata::text::jinja
