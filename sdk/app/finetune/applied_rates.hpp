// Randomness of training that a configuration asks for.
#pragma once
#include "core/source/config.hpp"

namespace strata::app {

// Refuses a configuration with a rate of a kind that no family applies, by the name of its key.
void need_applied_rates(const source::Config& config);

}  // namespace strata::app
