#include "core/run/generation_config.hpp"

#include <limits>

#include "core/error.hpp"

namespace strata::run {
namespace {

constexpr auto remedy = "correct the file, or take it away";

[[noreturn]] void refuse(const source::Config& config, const std::string& key) {
  throw Error(config.name(), key + " is out of range", remedy);
}

double number(const source::Config& config, const std::string& key, double low, double high,
              double fallback) {
  const auto value = config.f64(key, &fallback);
  if (!(value >= low && value <= high)) refuse(config, key);
  return value;
}

int64_t whole(const source::Config& config, const std::string& key, int64_t fallback) {
  const auto value = config.i64(key, &fallback);
  if (value < 0 || value > std::numeric_limits<int32_t>::max()) refuse(config, key);
  return value;
}

}  // namespace

std::vector<int32_t> token_ids(const source::Config& config, const std::string& key) {
  std::vector<int32_t> out;
  const auto count = config.count(key);
  for (uint64_t i = 0; i < count; ++i) {
    const auto listed = key + "." + std::to_string(i);
    const auto& path = config.count(listed) > 0 ? listed : key;
    const auto id = config.i64(path);
    if (id < std::numeric_limits<int32_t>::min() || id > std::numeric_limits<int32_t>::max())
      refuse(config, path);
    out.push_back(static_cast<int32_t>(id));
  }
  return out;
}

GenerationConfig parse_generation_config(std::string bytes, std::string name) {
  const source::Config config(std::move(bytes), std::move(name));
  GenerationConfig out;
  if (config.count("eos_token_id") > 0) out.ends = token_ids(config, "eos_token_id");
  if (config.count("max_new_tokens") > 0) out.new_tokens = whole(config, "max_new_tokens", 0);
  if (out.new_tokens == 0) refuse(config, "max_new_tokens");
  auto& sampling = out.sampling;
  sampling.top_k = static_cast<uint32_t>(whole(config, "top_k", 0));
  sampling.top_p = number(config, "top_p", 0, 1, 1);
  sampling.min_p = number(config, "min_p", 0, 1, 0);
  sampling.typical_p = number(config, "typical_p", 0.01, 1, 1);
  sampling.repetition_penalty = number(config, "repetition_penalty", 0.01, 100, 1);
  sampling.no_repeat_ngram = static_cast<uint32_t>(whole(config, "no_repeat_ngram_size", 0));
  sampling.suppress = token_ids(config, "suppress_tokens");
  sampling.suppress_first = token_ids(config, "begin_suppress_tokens");
  // The value with which a key asks for nothing.
  const std::pair<const char*, double> others[] = {
      {"num_beams", 1},           {"min_length", 0},
      {"min_new_tokens", 0},      {"guidance_scale", 1},
      {"epsilon_cutoff", 0},      {"eta_cutoff", 0},
      {"penalty_alpha", 0},       {"top_h", 1},
      {"length_penalty", 1},      {"forced_bos_token_id", -1},
      {"forced_eos_token_id", -1}};
  for (const auto& [key, nothing] : others)
    if (config.count(key) > 0 && config.f64(key, &nothing) != nothing)
      out.ignored.emplace_back(key);
  for (const auto* key : {"bad_words_ids", "sequence_bias", "watermarking_config",
                          "exponential_decay_length_penalty", "stop_strings"})
    if (config.count(key) > 0) out.ignored.emplace_back(key);
  return out;
}

}  // namespace strata::run
