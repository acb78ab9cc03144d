// A generation_config.json: the settings of a model's authors for generating.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/run/logits_process.hpp"
#include "core/source/config.hpp"

namespace strata::run {

struct GenerationConfig {
  std::optional<std::vector<int32_t>> ends;  // eos_token_id: one or a list
  std::optional<int64_t> new_tokens;         // max_new_tokens
  std::optional<int64_t> all_tokens;         // max_length: the prompt's and the new ones
  std::vector<std::string> stops;            // stop_strings
  Sampling sampling;                         // without temperature
  std::optional<double> temperature;         // where do_sample is set
  // Keys of `sampling` that count where tokens are drawn and that have invalid values, with the
  // reason.
  std::vector<std::pair<std::string, Error>> unusable;
  std::vector<std::string> ignored;  // keys for unsupported features
};

// Throws Error with `name` and the key for an invalid value.
GenerationConfig parse_generation_config(std::string bytes, std::string name);

// The ids at a configuration's key: one, a list, or none.
std::vector<int32_t> token_ids(const source::Config& config, const std::string& key);

}  // namespace strata::run
