// The options for sampling new tokens.
#pragma once
#include <cstdint>

#include "core/run/generation.hpp"
#include "core/run/generation_config.hpp"
#include "host/cli/common_options.hpp"

namespace strata::host {

struct SamplingOptions {
  double temperature = 0;  // 0: greedy
  std::int64_t top_k = 0;  // 0: all
  double top_p = 1;
  double min_p = 0;
  double typical_p = 1;
  double repetition_penalty = 1;
  std::int64_t no_repeat_ngram_size = 0;  // 0: any n-gram may repeat
  std::int64_t seed = -1;                 // below 0: a random seed for each run
};

void add_sampling(cli::Table& table, SamplingOptions& options);

// The seed of the options, or a random one, which a line on standard error names.
std::uint64_t seed_of(const SamplingOptions& options);

// As app::sampling_of, of the options that the user gave, with their seed.
run::Sampling sampling_of(const SamplingOptions& options, const cli::CommonOptions& common,
                          const run::GenerationConfig& own);

}  // namespace strata::host
