#include "app/model_config.hpp"

#include <strata/abi/core.h>

#include "core/error.hpp"
#include "core/json.hpp"

namespace strata::app {

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
    for (const auto* key : {"dropout", "attention_dropout", "hidden_dropout", "activation_dropout"})
      if (config.contains(key)) say(key, config[key] = dropout);
  for (const auto& [key, value] : keys.items()) say(key, value);
  config.merge_patch(keys);
  return config;
}

std::int64_t hidden_size_of(const source::Config& config) {
  const std::int64_t none = 0;
  return config.i64("text_config.hidden_size|hidden_size|n_embd|d_model", &none);
}

}  // namespace strata::app
