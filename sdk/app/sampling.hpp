// How the tokens of a request are chosen.
#pragma once
#include <strata/app.hpp>

#include "core/run/generation_config.hpp"
#include "core/run/sampler.hpp"

namespace strata::app {

// The options win over the model's generation_config.json. Its settings for sampling count only if
// tokens are sampled, and only the options decide that: without a temperature decoding is greedy.
// Throws Error for a setting of the file that sampling would need and that cannot be used.
run::Sampling sampling_of(const SamplingOptions& options, const run::GenerationConfig& own);

}  // namespace strata::app
