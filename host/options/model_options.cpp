#include "host/options/model_options.hpp"

#include "host/cli/require.hpp"

namespace strata::host {

void add_model(cli::Table& table, ModelOptions& options) {
  table.push_back(
      {.name = "model",
       .key = "run.model",
       .field = &options.model,
       .value = "MODEL",
       .help =
           "Hugging Face folder, .gguf file, .safetensors or .bin file beside its config.json, or "
           "ORG/NAME in the hub's cache; for plan and bench also a config.json or a shape's name",
       .letter = 'm'});
  table.push_back(
      {"revision", "run.revision", &options.revision, "NAME", "branch, tag or commit of ORG/NAME"});
}

void add_critic(cli::Table& table, ModelOptions& options) {
  table.push_back(
      {"critic", "model.critic", &options.critic, "",
       "a reward model: the head is v_head.weight and gives each token a value; import adds one, "
       "finetune trains it on pairs"});
}

void add_padding_at_beginning(cli::Table& table, std::int64_t& count) {
  table.push_back({"num-padding-at-beginning", "model.num_padding_at_beginning", &count, "N",
                   "with --critic: padding tokens at a sequence's beginning that do not end it", "",
                   0, 1e9});
}

void add_dropout(cli::Table& table, ModelOptions& options) {
  table.push_back({"dropout", "model.dropout", &options.dropout, "P",
                   "override every dropout rate in config.json; used in training only",
                   "the configuration's", 0, 1, false, 0, false, true});
}

void require_model(const ModelOptions& options) {
  cli::require(!options.model.empty(), "--model",
               "give a Hugging Face folder, a .gguf, .safetensors or .bin file, or ORG/NAME");
}

void require_model_or_shape(const ModelOptions& options) {
  cli::require(!options.model.empty(), "--model",
               "give a model, a config.json or the name of a shape");
}

}  // namespace strata::host
