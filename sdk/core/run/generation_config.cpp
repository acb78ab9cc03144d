#include "core/run/generation_config.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string_view>
#include <type_traits>

#include "core/error.hpp"

namespace strata::run {
namespace {

constexpr auto remedy = "correct the file, or remove it";

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

// A count of tokens; a negative one means none.
uint32_t at_least_0(const source::Config& config, const std::string& key) {
  const std::int64_t none = 0;
  return config.i64(key, &none) < 0 ? 0 : static_cast<uint32_t>(whole(config, key, none));
}

std::optional<int64_t> length(const source::Config& config, const std::string& key) {
  if (config.count(key) == 0) return std::nullopt;
  const auto value = whole(config, key, 0);
  if (value == 0) refuse(config, key);
  return value;
}

// The tokens of a word or sequence; at least one.
std::vector<int32_t> sequence(const source::Config& config, const std::string& key) {
  auto out = token_ids(config, key);
  if (out.empty() || std::ranges::min(out) < 0) refuse(config, key);
  return out;
}

void read_processors(const source::Config& config, Sampling& to) {
  to.repetition_penalty = number(config, "repetition_penalty", 0.01, 100, 1);
  to.no_repeat_ngram = at_least_0(config, "no_repeat_ngram_size");
  to.suppress = token_ids(config, "suppress_tokens");
  to.suppress_first = token_ids(config, "begin_suppress_tokens");
  for (uint64_t i = 0; i < config.count("bad_words_ids"); ++i)
    to.bad_words.push_back(sequence(config, "bad_words_ids." + std::to_string(i)));
  for (uint64_t i = 0; i < config.count("sequence_bias"); ++i) {
    const auto key = "sequence_bias." + std::to_string(i);
    const auto value = config.f64(key + ".1");
    to.biases.push_back({sequence(config, key + ".0"), static_cast<float>(value)});
  }
  to.min_length = at_least_0(config, "min_length");
  to.min_new_tokens = at_least_0(config, "min_new_tokens");
  to.forced_first = static_cast<int32_t>(
      config.count("forced_bos_token_id") > 0 ? whole(config, "forced_bos_token_id", 0) : -1);
  if (config.count("forced_eos_token_id") > 0)
    to.forced_last = sequence(config, "forced_eos_token_id");
  to.mend_invalid = config.flag("remove_invalid_values", false);
  if (config.count("exponential_decay_length_penalty") > 0) {
    to.decay_start = whole(config, "exponential_decay_length_penalty.0", 0);
    to.decay_factor = number(config, "exponential_decay_length_penalty.1", 0.01, 100, 1);
  }
}

// Reads the keys that count where tokens are drawn; keeps the error of an invalid one until then.
void read_filters(const source::Config& config, GenerationConfig& out) {
  auto& to = out.sampling;
  const auto read = [&](const char* key, auto& field, double low, double high) {
    try {
      using Field = std::remove_reference_t<decltype(field)>;
      if constexpr (std::is_integral_v<Field>)
        field = static_cast<Field>(whole(config, key, field));
      else
        field = number(config, key, low, high, field);
    } catch (const Error& refusal) {
      out.unusable.emplace_back(key, refusal);
    }
  };
  read("top_h", to.top_h, 0, 1);
  read("top_k", to.top_k, 0, 0);
  read("top_p", to.top_p, 0, 1);
  read("min_p", to.min_p, 0, 1);
  read("typical_p", to.typical_p, 0.01, 1);
  read("epsilon_cutoff", to.epsilon_cutoff, 0, 1);
  read("eta_cutoff", to.eta_cutoff, 0, 1);
}

// The keys that are read here, or that change no text: settings of transformers for computing, for
// its results and for speed.
constexpr std::string_view served[] = {"eos_token_id",
                                       "max_new_tokens",
                                       "max_length",
                                       "stop_strings",
                                       "do_sample",
                                       "temperature",
                                       "repetition_penalty",
                                       "no_repeat_ngram_size",
                                       "suppress_tokens",
                                       "begin_suppress_tokens",
                                       "bad_words_ids",
                                       "sequence_bias",
                                       "min_length",
                                       "min_new_tokens",
                                       "forced_bos_token_id",
                                       "forced_eos_token_id",
                                       "remove_invalid_values",
                                       "exponential_decay_length_penalty",
                                       "top_h",
                                       "top_k",
                                       "top_p",
                                       "min_p",
                                       "typical_p",
                                       "epsilon_cutoff",
                                       "eta_cutoff",
                                       "renormalize_logits",
                                       "bos_token_id",
                                       "pad_token_id",
                                       "decoder_start_token_id",
                                       "transformers_version",
                                       "_from_model_config",
                                       "use_cache",
                                       "cache_implementation",
                                       "cache_config",
                                       "max_cache_len",
                                       "compile_config",
                                       "disable_compile",
                                       "continuous_batching_config",
                                       "prefill_chunk_size",
                                       "low_memory",
                                       "return_dict_in_generate",
                                       "output_attentions",
                                       "output_hidden_states",
                                       "output_logits",
                                       "output_scores",
                                       "is_assistant",
                                       "assistant_confidence_threshold",
                                       "assistant_early_exit",
                                       "assistant_ensemble_weight",
                                       "assistant_lookbehind",
                                       "num_assistant_tokens",
                                       "num_assistant_tokens_schedule",
                                       "target_lookbehind",
                                       "max_matching_ngram_size",
                                       "prompt_lookup_num_tokens",
                                       "speculation_type",
                                       "use_mtp"};

// The values at which other keys have no effect; num_beams, for example, at 1.
struct Nothing {
  std::string_view key;
  double value;
};
constexpr Nothing nothing[] = {{"num_beams", 1},
                               {"num_return_sequences", 1},
                               {"num_beam_groups", 1},
                               {"diversity_penalty", 0},
                               {"length_penalty", 1},
                               {"early_stopping", 0},
                               {"guidance_scale", 1},
                               {"penalty_alpha", 0},
                               {"encoder_repetition_penalty", 1},
                               {"encoder_no_repeat_ngram_size", 0},
                               {"token_healing", 0}};

bool asks_nothing(const std::string& key, const Json& value) {
  if (value.is_null() || std::ranges::find(served, key) != std::end(served)) return true;
  const auto at = std::ranges::find(nothing, key, &Nothing::key);
  if (at == std::end(nothing)) return false;
  return value.is_boolean() ? value.get<bool>() == (at->value != 0)
                            : value.is_number() && value.get<double>() == at->value;
}

std::vector<std::string> unserved(const source::Config& config) {
  std::vector<std::string> out;
  for (const auto& [key, value] : config.root().items())
    if (!asks_nothing(key, value)) out.push_back(printable(key));
  return out;
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
  out.new_tokens = length(config, "max_new_tokens");
  out.all_tokens = length(config, "max_length");
  const auto stops = config.count("stop_strings");
  const bool listed = stops > 0 && config.count("stop_strings.0") > 0;
  for (uint64_t i = 0; i < stops; ++i)
    out.stops.emplace_back(
        config.text(listed ? "stop_strings." + std::to_string(i) : "stop_strings"));
  if (std::ranges::find(out.stops, "") != out.stops.end()) refuse(config, "stop_strings");
  const double one = 1;
  if (config.flag("do_sample", false)) out.temperature = config.f64("temperature", &one);
  read_processors(config, out.sampling);
  read_filters(config, out);
  out.ignored = unserved(config);
  return out;
}

}  // namespace strata::run
