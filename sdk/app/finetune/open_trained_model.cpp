#include "app/finetune/open_trained_model.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "app/finetune/padding_token.hpp"
#include "app/open_model.hpp"
#include "app/open_tokenizer.hpp"
#include "app/plain_copy.hpp"
#include "app/recognize_weights.hpp"
#include "app/resize_embeddings.hpp"
#include "core/error.hpp"
#include "core/run/generation_config.hpp"
#include "core/run/initial_weights.hpp"
#include "core/source/model_folder.hpp"
#include "core/source/resized.hpp"
#include "core/source/source_map.hpp"
#include "hub/cache.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

std::string text_of(const Json& config) {
  return config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// The config.json of a folder that has no weights, else MODEL as it is.
ModelOptions by_configuration(ModelOptions options) {
  const fs::path folder = hub::located(options.model, options.revision);
  const auto config = folder / "config.json";
  std::error_code error;
  if (fs::is_directory(folder, error) && fs::exists(config, error) &&
      source::weights_of(folder.string()).empty() && source::gguf_of(folder.string()).empty())
    options.model = config.string();
  return options;
}

// The model's configuration and tokenizer, without its weights.
source::Checkpoint without_weights(const run::Model& model) {
  if (model.checkpoint) return model.checkpoint->without_tensors();
  const auto folder = fs::path(model.config->name()).parent_path().string();
  return source::Checkpoint::of_config(folder.empty() ? "." : folder, text_of(model.config->root()),
                                       model.config->name());
}

// The id of the tokenizer's end-of-text token.
std::optional<std::int64_t> end_of(const run::Model& model, const text::Tokenizer& tokenizer) {
  if (const auto& vocabulary = model.checkpoint->vocabulary()) return vocabulary->eos;
  for (const auto& [name, content] : tokenizer.special_tokens())
    if (name == "eos_token") return tokenizer.find(content);
  return {};
}

// Changes the embedding's rows: those of weights that are stored, or of the shape of those that are
// not there yet.
class Resizing {
 public:
  Resizing(run::Model& model, const ModelOptions& options, std::int64_t multiple, Plugins& plugins)
      : model_(model), options_(options), multiple_(multiple), plugins_(plugins),
        tokenizer_(open_tokenizer(*model.checkpoint, Log())), tokens_(count()) {}

  // Only the shape, of a model whose weights are not found yet.
  void reshape() {
    reconfigure(model_, vocabulary_keys(model_.config->root(), rows()), options_, plugins_);
  }

  // The weights too.
  void resize() {
    source::ImportOptions changed;
    resize_embeddings(model_, tokens_, multiple_, changed);
    if (changed.rows.empty())
      throw Error(model_.path, "it has no table of tokens", "leave --resize-embeddings out");
    const auto from = std::make_shared<const source::Checkpoint>(*model_.checkpoint);
    add_twins(*from, changed.rows);
    std::vector<source::MadeTensor> made;
    for (const auto& [name, count] : changed.rows)
      if (const auto* tensor = from->find(name); tensor && tensor->shape[0] != count)
        made.push_back(source::resized(from, *tensor, count));
    model_.checkpoint = from->with_made(std::move(made)).with_config(std::move(changed.config));
    reshape();
    model_.resolve();
  }

  // The written configuration names the ids that end and pad a text, as DeepSpeed-Chat does: the
  // model's own end is the padding.
  void name_ids() {
    auto config = parse_settings(model_.checkpoint->config(), model_.checkpoint->config_name());
    if (!config.is_object()) return;
    const auto end = end_of(model_, tokenizer_);
    if (end) config["end_token_id"] = *end;
    auto ends = run::token_ids(*model_.config, "eos_token_id");
    if (ends.empty()) ends = run::token_ids(*model_.config, "text_config.eos_token_id");
    if (!ends.empty() && ends.front() < rows())
      config["pad_token_id"] = ends.front();
    else if (end)
      config["pad_token_id"] = *end;
    model_.checkpoint = model_.checkpoint->with_config(text_of(config));
  }

 private:
  std::int64_t rows() const { return resized_rows(tokens_, multiple_); }

  std::int64_t count() const {
    const auto padding = added_padding(model_, tokenizer_, plugins_);
    return tokenizer_.vocab_size() + (padding && padding->is_new ? 1 : 0);
  }

  void add_twins(const source::Checkpoint& from, std::map<std::string, std::int64_t>& rows) const {
    if (!model_.tied()) return;
    const source::Tensor* table = nullptr;
    for (const auto& [name, count] : rows)
      if (const auto* one = from.find(name); one && one->shape.size() == 2) table = one;
    if (!table) return;
    for (const auto* twin : source::twins_of(from, *table)) rows.emplace(twin->name, this->rows());
  }

  run::Model& model_;
  const ModelOptions& options_;
  std::int64_t multiple_;
  Plugins& plugins_;
  text::Tokenizer tokenizer_;
  std::int64_t tokens_;
};

// The model of a configuration alone, whose weights are drawn, or come from a file of weights.
run::Model draw(const ModelOptions& options, const RunOptions& run, const FinetuneOptions& training,
                Plugins& plugins) {
  auto model = open_model(by_configuration(options), plugins, true, false);
  // transformers draws in float32 unless the configuration says otherwise.
  if (!model.checkpoint && model.named_dtype().empty())
    reconfigure(model, Json{{"dtype", "float32"}}, options, plugins);
  const auto seed = static_cast<std::uint64_t>(training.init_seed);
  // The stored weights' dtype is that of the drawn ones where the configuration names none.
  const auto stored = std::exchange(model.checkpoint, without_weights(model));
  std::optional<Resizing> resizing;
  if (training.resize_embeddings > 0) {
    resizing.emplace(model, options, training.resize_embeddings, plugins);
    resizing->reshape();
  }
  model.checkpoint = model.checkpoint->with_config(text_of(model.config->root()));
  if (resizing) resizing->name_ids();
  auto whole = std::exchange(model.checkpoint, stored);
  if (training.load_weights.empty()) {
    auto made = run::initial_weights(model, seed, static_cast<std::uint32_t>(run.threads));
    model.checkpoint = whole->with_made(std::move(made));
  } else {
    model.checkpoint = whole->with_file(training.load_weights, packed_weights(plugins));
    if (options.critic) run::add_value_head(model, seed);
  }
  find_weights(model, false, options, plugins);
  return model;
}

}  // namespace

run::Model open_trained_model(const ModelOptions& options, const RunOptions& run,
                              const FinetuneOptions& training, Plugins& plugins,
                              const LoadProgress& progress) {
  if (training.init_seed >= 0) return draw(options, run, training, plugins);
  auto model = open_model(options, plugins, false, !options.critic, progress);
  leave_out_unused(model, options, plugins);
  if (options.critic) {
    run::add_value_head(model, static_cast<std::uint64_t>(training.seed));
    find_weights(model, false, options, plugins);
  }
  if (training.lora.rank == 0 || training.lora.merge) check_plain_copy(model);
  if (training.resize_embeddings > 0) {
    Resizing resizing(model, options, training.resize_embeddings, plugins);
    resizing.resize();
    resizing.name_ids();
  }
  return model;
}

}  // namespace strata::app
