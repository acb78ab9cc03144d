#include "app/open_model.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "app/model_config.hpp"
#include "app/quantize/quantize.hpp"
#include "app/recognize_weights.hpp"
#include "core/error.hpp"
#include "core/json.hpp"
#include "core/nearest.hpp"
#include "core/run/initial_weights.hpp"
#include "core/source/names_text.hpp"
#include "core/source/quantization.hpp"
#include "hub/cache.hpp"
#include "registry/installation.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t longest_text = 256u << 20;

std::string read_text(const fs::path& path, const std::string& remedy) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) throw Error(path.string(), "it cannot be read", remedy);
  if (size > longest_text)
    throw Error(path.string(), std::to_string(size) + " bytes are too many", remedy);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The folder of the named shapes, which lies in the installation like the plugins.
fs::path shapes_folder() { return registry::installation_folder() / "share/strata/shapes"; }

[[noreturn]] void refuse_shape(const std::string& name) {
  std::vector<std::string> known;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(shapes_folder(), error))
    known.push_back(entry.path().stem().string());
  std::ranges::sort(known);
  throw Error(name, "no such model, and no shape of this name",
              "give a folder or a file; the nearest shapes are " + three_nearest(name, known));
}

// The file of a config.json or of a named shape; empty if MODEL is a checkpoint.
fs::path shape_of(const std::string& path) {
  std::error_code error;
  if (path.ends_with(".json")) return path;
  const bool plain = path.find('/') == path.npos && !path.starts_with(".");
  if (!plain || source::ends_as_checkpoint(path) || fs::exists(path, error)) return {};
  const auto file = shapes_folder() / (path + ".json");
  if (!fs::is_regular_file(file, error)) refuse_shape(path);
  return file;
}

// The configuration's model_type. If it names none, or one that no plugin serves, a model whose
// name or type contains one of a plugin's words gets that plugin's first model_type.
std::string model_type_of(const source::Config& config, const std::string& path, Plugins& plugins) {
  const std::string_view none;
  const std::string type(config.text("model_type", &none));
  const auto pool = plugins.registry().of_kind("model");
  const auto serves = [&](const registry::Candidate* one) {
    return std::ranges::find(one->manifest.keys, type) != one->manifest.keys.end();
  };
  if (std::ranges::any_of(pool, serves)) return type;
  for (const auto* one : pool)
    for (const auto& word : one->manifest.model_names) {
      const bool meant = path.find(word) != path.npos || type.find(word) != type.npos;
      if (!meant || one->manifest.keys.empty()) continue;
      plugins.log().line(STRATA_WARN, path + ": no plugin serves its model_type '" +
                                          printable(type) + "'; by its name it is run as " +
                                          one->manifest.keys[0]);
      return one->manifest.keys[0];
    }
  return std::string(config.text("model_type"));
}

std::shared_ptr<source::Config> with_key(const source::Config& config, const char* key,
                                         const Json& value) {
  auto changed = config.root();
  changed[key] = value;
  return std::make_shared<source::Config>(std::move(changed), config.name());
}

source::Checkpoint open_path(const std::string& path, const registry::Registry& registry,
                             const source::PackedWeights& packed) {
  return source::Checkpoint::open(path, source::gguf_mappings(registry.gguf(), "plugin manifests"),
                                  packed);
}

// Finds the weights. Details that the error has no room for are logged before it; unused tensors
// are logged after a success.
void resolve(run::Model& model, const Log& log) {
  try {
    model.resolve();
  } catch (const source::Misfit& misfit) {
    for (const auto& line : misfit.all) log.line(STRATA_INFO, line);
    throw;
  }
  const auto& unused = model.tensors->unused();
  if (!unused.empty())
    log.line(STRATA_WARN,
             model.path + ": " + std::to_string(unused.size()) +
                 (unused.size() == 1 ? " tensor is" : " tensors are") +
                 " of no use to the model and left aside: " + source::first_of(unused));
  const bool blocks = std::ranges::any_of(
      model.tensors->all(), [](const auto& one) { return source::in_blocks(one.second); });
  const auto form =
      blocks || model.quantized ? "" : source::configured_quantization(*model.checkpoint);
  if (!form.empty())
    log.line(STRATA_WARN, model.path + ": the configuration names the quantization " + form +
                              ", but the weights are plain and run as they are");
}

// Gives the model the family that serves the configuration, constructed from it.
void give_family(run::Model& model, const std::shared_ptr<source::Config>& config,
                 const ModelOptions& options, Plugins& plugins) {
  // Every family here attends to earlier tokens alone; this key of transformers asks for all.
  if (!config->flag("is_causal", true))
    throw Error(config->name(), "is_causal is false: attention to later tokens is not supported",
                "give a causal language model");
  model.config = config;
  const auto type = config->text("model_type");
  const auto handle = std::make_shared<strata_config>(strata_config{config.get()});
  const auto& candidate =
      plugins.registry().by_key("model", type, "model_type", [&](const registry::Candidate& one) {
        const auto id = one.id();
        const auto* family = plugins.family(one);
        return plugin::called(id, "score", [&] {
          return family->score({type.data(), type.size()}, handle.get());
        });
      });
  plugins.use(candidate);
  if (candidate.manifest.null_keys) handle->null_keys = &*candidate.manifest.null_keys;
  // The family's configuration handle lives as long as the family.
  auto family = std::make_unique<plugin::Family>(plugins.family(candidate), candidate.manifest.name,
                                                 plugins.host(), handle.get());
  if (options.critic) family->become_critic();
  model.family = std::shared_ptr<const plugin::Family>(
      family.release(), [handle, config](const plugin::Family* f) { delete f; });
}

// If the checkpoint stores an output head beside the embedding that it is said to be tied to, and
// the head is another matrix, the head is used, as in transformers. For a plan, only the first
// bytes are compared.
void untie(run::Model& model, bool planned, const ModelOptions& options, Plugins& plugins) {
  constexpr std::uint64_t begin = 1u << 20;
  const auto* head = model.tensors->other_head(*model.checkpoint, planned ? begin : UINT64_MAX);
  if (!head) return;
  plugins.log().line(STRATA_WARN, model.path + ": '" + printable(head->name) +
                                      "' is not the embedding's table, though tie_word_embeddings "
                                      "says so: it is used as it is stored");
  give_family(model, with_key(*model.config, "tie_word_embeddings", false), options, plugins);
  model.resolve();
}

}  // namespace

void find_weights(run::Model& model, bool planned, const ModelOptions& options, Plugins& plugins) {
  resolve(model, plugins.log());
  untie(model, planned, options, plugins);
}

void leave_out_unused(run::Model& model, const ModelOptions& options, Plugins& plugins) {
  if (!model.checkpoint || model.quantized || options.config_overrides.empty()) return;
  const auto unused_by = [&](const std::shared_ptr<source::Config>& config) {
    auto one = model;
    give_family(one, config, options, plugins);
    if (options.critic) run::add_value_head(one, 0);
    one.resolve();
    const auto& unused = one.tensors->unused();
    return std::set<std::string>(unused.begin(), unused.end());
  };
  std::set<std::string> here, before;
  try {
    const auto bytes = open_checkpoint(options, plugins).config();
    const auto& name = model.config->name();
    auto plain = std::make_shared<source::Config>(configured(bytes, name, "", -1, Log()), name);
    if (plain->count("model_type") == 0)
      plain = with_key(*plain, "model_type", std::string(model.config->text("model_type")));
    before = unused_by(plain);
    here = unused_by(std::make_shared<source::Config>(model.config->root(), name));
  } catch (const Error&) {
    return;  // one of them is no whole model here, and says nothing about tensors
  }
  std::vector<source::Tensor> kept;
  for (const auto& tensor : model.checkpoint->tensors())
    if (!here.contains(tensor.name) || before.contains(tensor.name)) kept.push_back(tensor);
  if (kept.size() < model.checkpoint->tensors().size())
    model.checkpoint = model.checkpoint->with_planned(std::move(kept));
}

void reconfigure(run::Model& model, const Json& keys, const ModelOptions& options,
                 Plugins& plugins) {
  auto changed = model.config->root();
  changed.merge_patch(keys);
  give_family(model, std::make_shared<source::Config>(std::move(changed), model.config->name()),
              options, plugins);
}

source::Checkpoint open_checkpoint(const ModelOptions& options, Plugins& plugins) {
  return open_path(hub::located(options.model, options.revision), plugins.registry(),
                   packed_weights(plugins));
}

run::Model open_model(const ModelOptions& options, Plugins& plugins, bool shapes, bool resolved,
                      const LoadProgress& progress) {
  const auto path = hub::located(options.model, options.revision);
  run::Model model;
  model.path = path;
  const auto shape = shapes ? shape_of(path) : fs::path{};
  if (shape.empty())
    model.checkpoint = open_path(path, plugins.registry(), packed_weights(plugins));
  if (model.checkpoint)
    for (const auto& [level, words] : model.checkpoint->remarks()) plugins.log().line(level, words);
  const auto name = shape.empty() ? model.checkpoint->config_name() : shape.string();
  auto config = std::make_shared<source::Config>(
      configured(
          shape.empty() ? model.checkpoint->config() : read_text(shape, "give a config.json"), name,
          options.config_overrides, options.dropout, plugins.log()),
      name);
  // The config.json that is written has the same keys. Rates of dropout are the training's alone.
  if (model.checkpoint && !options.config_overrides.empty())
    model.checkpoint = model.checkpoint->with_config(
        configured(model.checkpoint->config(), name, options.config_overrides, -1, Log())
            .dump(2, ' ', false, Json::error_handler_t::replace) +
        "\n");
  const auto type = model_type_of(*config, path, plugins);
  if (config->count("model_type") == 0 || config->text("model_type") != type)
    config = with_key(*config, "model_type", type);
  give_family(model, config, options, plugins);
  if (resolved)
    quantize(
        model, options.quant, plugins, shapes,
        [&] { find_weights(model, shapes, options, plugins); }, progress);
  if (model.checkpoint && resolved) {
    // Planned weights are those that were found before.
    if (model.quantized && shapes)
      model.resolve();
    else
      find_weights(model, shapes, options, plugins);
  }
  for (const auto& words : model.config->notes())
    plugins.log().line(STRATA_WARN, name + ": " + words + ": passed over");
  return model;
}

}  // namespace strata::app
