#include "app/sampling.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace strata::app {

run::Sampling sampling_of(const SamplingOptions& options, const run::GenerationConfig& own) {
  const std::array<std::pair<std::string_view, bool>, 6> given{{
      {"top_k", options.top_k.has_value()},
      {"top_p", options.top_p.has_value()},
      {"min_p", options.min_p.has_value()},
      {"typical_p", options.typical_p.has_value()},
      {"repetition_penalty", options.repetition_penalty.has_value()},
      {"no_repeat_ngram_size", options.no_repeat_ngram_size.has_value()},
  }};
  for (const auto& [key, refusal] : own.unusable) {
    const auto at = std::ranges::find(given, key, &std::pair<std::string_view, bool>::first);
    if (options.temperature > 0 && !(at != given.end() && at->second)) throw refusal;
  }
  auto out = own.sampling;
  const auto take = [](auto& to, const auto& value) {
    if (value) to = static_cast<std::remove_reference_t<decltype(to)>>(*value);
  };
  take(out.top_k, options.top_k);
  take(out.top_p, options.top_p);
  take(out.min_p, options.min_p);
  take(out.typical_p, options.typical_p);
  take(out.repetition_penalty, options.repetition_penalty);
  take(out.no_repeat_ngram, options.no_repeat_ngram_size);
  out.temperature = options.temperature;
  out.seed = options.temperature > 0 ? options.seed : 0;
  return out;
}

}  // namespace strata::app
