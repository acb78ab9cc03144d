#include "app/option_checks.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace strata::app {
namespace {

void one_of(const char* name, const std::string& value,
            std::initializer_list<std::string_view> known) {
  if (std::ranges::find(known, value) != known.end()) return;
  std::string list;
  for (const auto one : known) list.append(list.empty() ? "" : "|").append(one);
  throw UsageError(name, "'" + printable(value) + "' is unknown", "give one of " + list);
}

template <class Number>
void within(const char* name, Number value, double low, double high) {
  const auto number = static_cast<double>(value);
  if (number >= low && number <= high) return;  // NaN is not
  const auto text = [](double bound) {
    return bound == std::trunc(bound) ? std::to_string(static_cast<std::int64_t>(bound))
                                      : std::to_string(bound);
  };
  throw UsageError(name, std::to_string(value) + " is out of range",
                   "give " + text(low) + " to " + text(high));
}

template <class Number>
void within(const char* name, const std::optional<Number>& value, double low, double high) {
  if (value) within(name, *value, low, high);
}

}  // namespace

void check(const RunOptions& options) {
  one_of("dtype", options.dtype, {"float32", "bfloat16", "float16", "auto"});
  one_of("device", options.device, {"cpu", "cuda", "auto"});
  within("threads", options.threads, 0, 4096);
  within("whole_below", options.whole_below, 0, 9e18);
}

void check(const Capacity& capacity) {
  within("capacity: sequences", capacity.sequences, 1, 1e6);
  within("capacity: tokens", capacity.tokens, 1, 1e9);
  within("capacity: prompt", capacity.prompt, 1, 1e15);
}

void check(const GenerateOptions& options) {
  const auto& s = options.sampling;
  within("max_new_tokens", options.max_new_tokens, 1, 1e9);
  within("temperature", s.temperature, 0, 1000);
  within("top_k", s.top_k, 0, 1e9);
  within("top_p", s.top_p, 0, 1);
  within("min_p", s.min_p, 0, 1);
  within("typical_p", s.typical_p, 0.01, 1);
  within("repetition_penalty", s.repetition_penalty, 0.01, 100);
  within("no_repeat_ngram_size", s.no_repeat_ngram_size, 0, 1e6);
  if (std::ranges::find(options.stop, "") != options.stop.end())
    throw UsageError("stop", "the text is empty", "give a text or leave it out");
}

}  // namespace strata::app
