// Refuses options whose values mean nothing.
#pragma once
#include <strata/app.hpp>

namespace strata::app {

// Each throws UsageError with the option's name, its value and those that it may have.
void check(const RunOptions& options);
void check(const Capacity& capacity);
void check(const GenerateOptions& options);

}  // namespace strata::app
