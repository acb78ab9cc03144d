#include "app/resize_embeddings.hpp"

#include <algorithm>

#include "core/json.hpp"

namespace strata::app {

std::int64_t resized_rows(std::int64_t tokens, std::int64_t multiple) {
  return (tokens + multiple - 1) / multiple * multiple;
}

Json vocabulary_keys(const Json& config, std::int64_t rows) {
  const bool nested = !config.contains("vocab_size") && config.contains("text_config");
  auto out = Json::object();
  (nested ? out["text_config"] : out)["vocab_size"] = rows;
  return out;
}

void resize_embeddings(const run::Model& model, std::int64_t tokens, std::int64_t multiple,
                       source::ImportOptions& options) {
  const auto rows = resized_rows(tokens, multiple);
  const auto& units = model.family->units();
  const auto table = std::ranges::find(units.front().weights, uint32_t{STRATA_TABLE},
                                       &plugin::DeclaredWeight::role);
  if (table == units.front().weights.end()) return;
  const auto resize = [&](const plugin::DeclaredWeight& weight) {
    options.rows[model.tensors->at(weight.name).name] = rows;
  };
  resize(*table);
  for (const auto& weight : units.back().weights)
    if (weight.shape[0] == table->shape[0] &&
        (weight.role == STRATA_HEAD || weight.name.ends_with(".bias")))
      resize(weight);
  auto config = parse_settings(model.checkpoint->config(), model.checkpoint->config_name());
  config.merge_patch(vocabulary_keys(config, rows));
  options.config = config.dump(2) + "\n";
}

}  // namespace strata::app
