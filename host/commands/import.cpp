#include "core/source/import.hpp"

#include <filesystem>

#include "app/expand_rows.hpp"
#include "app/extra_files.hpp"
#include "app/open_adapter.hpp"
#include "app/open_model.hpp"
#include "app/open_tokenizer.hpp"
#include "app/output_place.hpp"
#include "app/plain_copy.hpp"
#include "app/resize_embeddings.hpp"
#include "app/write_result.hpp"
#include "core/adapter/merge.hpp"
#include "core/error.hpp"
#include "core/json.hpp"
#include "core/run/initial_weights.hpp"
#include "core/source/dtype.hpp"
#include "core/source/source_map.hpp"
#include "host/cli/require.hpp"
#include "host/commands/commands.hpp"
#include "host/options/opening.hpp"
#include "host/options/output_option.hpp"
#include "host/process/output.hpp"
#include "host/process/progress.hpp"

namespace strata::host {
namespace {

struct ImportOptions : ModelCommand {
  std::string output;
  std::int64_t resize_embeddings = 0;  // 0: as they are
  std::int64_t init_seed = 0;
  std::string dtype = "auto";  // float32, bfloat16, float16 or auto
  std::string adapter;         // folder of a LoRA adapter to merge; empty: none
};

void options(cli::Table& table, ImportOptions& o) {
  add_model(table, o);
  add_output(table, o.output);
  table.push_back(
      {"resize-embeddings", "import.resize_embeddings", &o.resize_embeddings, "N",
       "resize the embedding and the head to the tokenizer's number of tokens, rounded up to a "
       "multiple of N: the last rows are removed, new rows are the mean of the old ones",
       "no change", 1, 1 << 20});
  table.push_back({"init-seed", "import.init_seed", &o.init_seed, "N",
                   "initialize new weights from this seed, as transformers does; MODEL may then be "
                   "a config.json or a shape's name",
                   "the checkpoint's weights", 0, 9e18});
  table.push_back(
      {.name = "dtype",
       .key = "import.dtype",
       .field = &o.dtype,
       .value = "float32|bfloat16|float16|auto",
       .help = "dtype of the new weights; auto: unchanged, and float32 for quantized ones",
       .closed = true});
  table.push_back({"adapter", "import.adapter", &o.adapter, "DIR",
                   "folder of a LoRA adapter, as peft writes it, to merge into the weights",
                   "none"});
  add_critic(table, o);
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const ImportOptions& o) {
  cli::require(!o.model.empty(), "MODEL", "give the .gguf file to import");
  cli::require(!o.output.empty(), "--output", "give the folder to write");
  if (o.resize_embeddings > 0 && (o.critic || o.given.contains("import.init_seed")))
    throw UsageError("--resize-embeddings", "not with --critic or --init-seed",
                     "import twice, one after the other");
  if (!o.adapter.empty() &&
      (o.critic || o.resize_embeddings > 0 || o.given.contains("import.init_seed")))
    throw UsageError("--adapter", "not with --critic, --resize-embeddings or --init-seed",
                     "import twice, one after the other");
  if (o.dtype != "auto" && o.given.contains("import.init_seed"))
    throw UsageError("--dtype", "not with --init-seed",
                     "name the dtype of drawn weights with --set config.dtype=" + o.dtype);
}

// The configuration with the dtype that the weights get.
std::string with_dtype(const std::string& bytes, const std::string& name,
                       const std::string& dtype) {
  auto config = parse_settings(bytes, name);
  config["dtype"] = dtype;
  config.erase("torch_dtype");
  return config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// A folder of drawn weights, with the tokenizer of MODEL where it has one.
void initialize(const ImportOptions& settings, app::Plugins& plugins) {
  auto model = open_model(settings, plugins, true, false);
  // transformers draws in float32 unless the configuration says otherwise.
  if (!model.checkpoint && model.named_dtype().empty()) {
    auto wide = settings;
    wide.config_keys["dtype"] = "float32";
    model = open_model(wide, plugins, true, false);
  }
  source::ImportOptions options;
  options.config = model.config->root().dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  options.made = run::initial_weights(model, static_cast<std::uint64_t>(settings.init_seed));
  if (model.checkpoint) options.extra = app::extra_files(*model.checkpoint, plugins.log());
  Progress progress("import", "bytes");
  options.progress = [&](uint64_t done, uint64_t all) { progress.at(done, all); };
  app::write_result(settings.output, "config.json",
                    [&](const std::string& folder) { source::make_checkpoint(folder, options); });
  progress.end();
}

// Refuses a configuration without weights, which only --init-seed can give.
void require_weights(const std::string& model) {
  std::error_code error;
  if (model.ends_with(".json") && std::filesystem::is_regular_file(model, error))
    throw Error(model, "is a configuration, not a model",
                "give a folder, a .safetensors or .bin file beside its config.json, or a .gguf "
                "file, or give --init-seed for new weights");
}

// The checkpoint, with the keys of [config] in its configuration.
source::Checkpoint overridden(const ImportOptions& settings, app::Plugins& plugins) {
  if (settings.config_keys.empty()) return app::open_checkpoint(settings, plugins);
  auto model = open_model(settings, plugins, false, !settings.critic);
  app::leave_out_unused(model, model_options(settings), plugins);
  return *model.checkpoint;
}

void convert(const ImportOptions& settings, app::Plugins& plugins) {
  require_weights(settings.model);
  const auto checkpoint = overridden(settings, plugins);
  if (std::ranges::any_of(checkpoint.tensors(), &source::Tensor::as_used))
    app::check_plain_copy(open_model(settings, plugins));
  Progress progress("import", "bytes");
  source::ImportOptions options;
  options.expand = app::expand_rows(plugins);
  options.progress = [&](uint64_t done, uint64_t all) { progress.at(done, all); };
  options.extra = app::extra_files(checkpoint, plugins.log());
  if (settings.critic && !source::find_spelled(checkpoint, std::string(plugin::value_head)))
    options.made = {run::initial_value_head(open_model(settings, plugins, false, false), 0)};
  if (settings.resize_embeddings > 0)
    app::resize_embeddings(open_model(settings, plugins),
                           app::open_tokenizer(checkpoint, plugins.log()).vocab_size(),
                           settings.resize_embeddings, options);
  if (settings.dtype != "auto") {
    const auto& config = options.config.empty() ? checkpoint.config() : options.config;
    options.config = with_dtype(config, checkpoint.config_name(), settings.dtype);
    options.dtype = settings.dtype == "float32"   ? source::f32
                    : settings.dtype == "float16" ? source::f16
                                                  : source::bf16;
  }
  if (!settings.adapter.empty()) {
    const auto model = open_model(settings, plugins);
    const auto& units = model.family->units();
    adapter::merge(app::open_adapter(settings.adapter, model, plugins.log()),
                   {*model.checkpoint, *model.tensors, units, model.tied()}, options);
  }
  app::write_result(settings.output, "config.json", [&](const std::string& folder) {
    source::import_checkpoint(checkpoint, folder, options);
  });
  progress.end();
}

void import(const ImportOptions& settings) {
  auto plugins = open_plugins(settings);
  // Folders above a new one are not made: what writes it refuses their absence.
  if (std::filesystem::exists(app::folder_path(settings.output)))
    app::need_folder_place(settings.output);
  const bool drawn = settings.given.contains("import.init_seed");
  (drawn ? initialize : convert)(settings, plugins);
  if (settings.json) print_json({{"output", settings.output}});
}

}  // namespace

const cli::Command import_command{
    "import", "MODEL --output DIR [options]",
    "convert a model of any format to a Hugging Face folder of safetensors",
    cli::make_call<ImportOptions, options, check, import>, "model"};

}  // namespace strata::host
