#include "host/options/sampling_options.hpp"

#include <random>
#include <string>

#include "app/sampling.hpp"
#include "host/process/output.hpp"

namespace strata::host {

void add_sampling(cli::Table& table, SamplingOptions& o) {
  table.push_back({"temperature", "generate.temperature", &o.temperature, "T",
                   "above 0: sample; 0: greedy", "", 0, 1e6});
  table.push_back({"top-k", "generate.top_k", &o.top_k, "K", "sample from the K likeliest tokens",
                   "all", 0, 1e9});
  table.push_back({"top-p", "generate.top_p", &o.top_p, "P",
                   "sample from the likeliest tokens that hold this probability", "", 0, 1});
  table.push_back({"min-p", "generate.min_p", &o.min_p, "P",
                   "sample from tokens with at least this fraction of the largest probability", "",
                   0, 1});
  table.push_back({"typical-p", "generate.typical_p", &o.typical_p, "P",
                   "sample from the most typical tokens that hold this probability", "", 0.01, 1});
  table.push_back({"repetition-penalty", "generate.repetition_penalty", &o.repetition_penalty, "R",
                   "above 1: tokens seen before are less likely", "", 0.01, 100});
  table.push_back({"no-repeat-ngram-size", "generate.no_repeat_ngram_size", &o.no_repeat_ngram_size,
                   "N", "no sequence of N tokens occurs twice", "off", 0, 1e6});
  table.push_back({"seed", "generate.seed", &o.seed, "S",
                   "seed of the sampler; a random one is printed", "random", 0, 9e18});
}

std::uint64_t seed_of(const SamplingOptions& options) {
  if (options.seed >= 0) return static_cast<std::uint64_t>(options.seed);
  const std::uint64_t drawn = std::random_device{}();
  print_note("seed " + std::to_string(drawn));
  return drawn;
}

run::Sampling sampling_of(const SamplingOptions& options, const cli::CommonOptions& common,
                          const run::GenerationConfig& own) {
  app::SamplingOptions out;
  out.temperature = options.temperature;
  const auto take = [&](const char* key, auto& to, auto value) {
    if (common.given.contains(key)) to = value;
  };
  take("generate.top_k", out.top_k, options.top_k);
  take("generate.top_p", out.top_p, options.top_p);
  take("generate.min_p", out.min_p, options.min_p);
  take("generate.typical_p", out.typical_p, options.typical_p);
  take("generate.repetition_penalty", out.repetition_penalty, options.repetition_penalty);
  take("generate.no_repeat_ngram_size", out.no_repeat_ngram_size, options.no_repeat_ngram_size);
  auto sampling = app::sampling_of(out, own);  // a setting is refused before a seed is drawn
  if (options.temperature > 0) sampling.seed = seed_of(options);
  return sampling;
}

}  // namespace strata::host
