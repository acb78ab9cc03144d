// The number of tokens that a model was trained for.
#pragma once
#include <cstdint>

#include "app/log.hpp"
#include "core/run/model.hpp"

namespace strata::app {

// The length that the configuration names; 0 if it names none, as for models with unbounded
// positions.
std::int64_t context_length_of(const source::Config& config);

// Warns if a sequence of `tokens` tokens is longer.
void warn_beyond_context(const run::Model& model, std::int64_t tokens, const Log& log);

}  // namespace strata::app
