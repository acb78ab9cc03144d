// The options that say which model, and how its configuration is read.
#pragma once
#include <cstdint>
#include <string>

#include "host/cli/option.hpp"

namespace strata::host {

struct ModelOptions {
  std::string model;  // folder, .gguf, .safetensors, config.json, a hub's or a shape's name
  std::string revision = "main";  // the hub's branch, tag or commit
  bool critic = false;
  std::int64_t num_padding_at_beginning = 0;
  double dropout = -1;  // below 0: the configuration's
};

void add_model(cli::Table& table, ModelOptions& options);
void add_critic(cli::Table& table, ModelOptions& options);
void add_dropout(cli::Table& table, ModelOptions& options);

// Refuses options without --model.
void require_model(const ModelOptions& options);
// The same for commands that also take a shape.
void require_model_or_shape(const ModelOptions& options);

}  // namespace strata::host
