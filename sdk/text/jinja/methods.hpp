// Methods of texts, dicts and the loop.
#pragma once
#include <string_view>

#include "text/jinja/arguments.hpp"
#include "text/jinja/budget.hpp"

namespace strata::text::jinja {

// The name of the method, which lives as long as the program; empty where there is none.
std::string_view method_name(const Value& object, std::string_view name);
Value call_method(Budget& budget, const Value& self, std::string_view name,
                  const Arguments& arguments);

// str.replace; `count` below 0: all.
std::string replaced(Budget& budget, std::string_view text, std::string_view old,
                     std::string_view by, std::int64_t count);
std::string joined(Budget& budget, std::string_view between, const Values& parts);

}  // namespace strata::text::jinja
