#include "app/model_config.hpp"

#include <strata/abi/core.h>

#include <vector>

#include "core/error.hpp"
#include "core/json.hpp"

namespace strata::app {
namespace {

// The keys of dropout rates, over all classes of configurations.
constexpr const char* rates[] = {"dropout",
                                 "attention_dropout",
                                 "hidden_dropout",
                                 "activation_dropout",
                                 "attn_pdrop",
                                 "resid_pdrop",
                                 "embd_pdrop",
                                 "residual_dropout",
                                 "resid_dropout",
                                 "embed_dropout",
                                 "embedding_dropout",
                                 "hidden_dropout_prob",
                                 "attention_probs_dropout_prob"};

// Sets every rate, also those that the configuration leaves to the defaults of its class, and
// returns the keys that it had.
std::vector<std::string> set_rates(Json& config, double dropout) {
  std::vector<std::string> had;
  for (const auto* key : rates) {
    if (config.contains(key)) had.emplace_back(key);
    config[key] = dropout;
  }
  if (const auto nested = config.find("attn_config");
      nested != config.end() && nested->is_object()) {
    had.emplace_back("attn_config.attn_pdrop");
    (*nested)["attn_pdrop"] = dropout;
  }
  return had;
}

}  // namespace

Json configured(const std::string& bytes, const std::string& name, const std::string& keys_text,
                double dropout, const Log& log) {
  const auto keys = keys_text.empty() ? Json::object() : parse_settings(keys_text, "[config]");
  if (!keys.is_object())
    throw UsageError("[config]", "it is no JSON object", R"(write {"key": value})");
  auto config = parse_settings(bytes, name);
  if (!config.is_object()) throw Error(name, "is not a JSON object", "check the file");
  const auto say = [&](const std::string& key, const Json& value) {
    log.line(STRATA_INFO, name + ": " + printable(key) + " becomes " + printable(value.dump()));
  };
  if (dropout >= 0)
    for (const auto& key : set_rates(config, dropout)) say(key, dropout);
  for (const auto& [key, value] : keys.items()) say(key, value);
  config.merge_patch(keys);
  return config;
}

std::int64_t hidden_size_of(const source::Config& config) {
  const std::int64_t none = 0;
  return config.i64("text_config.hidden_size|hidden_size|n_embd|d_model", &none);
}

}  // namespace strata::app
