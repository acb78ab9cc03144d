// The functions that every template can call.
#pragma once
#include <ctime>
#include <memory>
#include <string_view>
#include <vector>

#include "text/jinja/arguments.hpp"
#include "text/jinja/budget.hpp"

namespace strata::text::jinja {

// The state of a rendering that the functions need.
struct Surroundings {
  std::tm now{};                                     // the time for strftime_now
  std::vector<std::unique_ptr<Namespace>> spaces{};  // the namespaces made so far
};

// Undefined where no function has the name.
Value find_function(std::string_view name);
Value call_function(Budget& budget, Surroundings& surroundings, std::string_view name,
                    const Arguments& arguments);

}  // namespace strata::text::jinja
