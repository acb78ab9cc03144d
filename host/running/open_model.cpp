#include "host/running/open_model.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "host/cli/nearest.hpp"
#include "host/registry/places.hpp"

namespace strata::host {
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

// The file of a named shape, beside the plugins; empty where there is none.
fs::path shape_file(const std::string& name) {
  const auto file =
      registry::program_folder().parent_path() / "share/strata/shapes" / (name + ".json");
  std::error_code error;
  const bool plain = name.find('/') == std::string::npos && !name.starts_with(".");
  return plain && fs::is_regular_file(file, error) ? file : fs::path{};
}

// A config.json or a named shape as its file; empty where MODEL is a checkpoint.
fs::path shape_of(const std::string& path) {
  if (path.ends_with(".json")) return path;
  std::error_code error;
  return fs::exists(path, error) ? fs::path{} : shape_file(path);
}

}  // namespace

source::Checkpoint open_checkpoint(const std::string& path, const registry::Registry& registry) {
  return source::Checkpoint::open(
      path, source::parse_gguf_mappings(registry.gguf().dump(), "plugin manifests"));
}

text::Tokenizer open_tokenizer(const source::Checkpoint& checkpoint) {
  if (checkpoint.vocabulary())
    return text::Tokenizer::from_gguf(*checkpoint.vocabulary(), checkpoint.path());
  auto folder = fs::path(checkpoint.path());
  if (checkpoint.kind() == source::Kind::safetensors) folder = folder.parent_path();
  const auto file = folder / "tokenizer.json";
  return text::Tokenizer::from_json(
      read_text(file, "give ids with --input-ids, or put the model's tokenizer.json there"),
      file.string());
}

run::Model open_model(const std::string& path, Opened& plugins, bool shapes) {
  run::Model model;
  model.path = path;
  const auto shape = shapes ? shape_of(path) : fs::path{};
  if (shape.empty()) model.checkpoint = open_checkpoint(path, plugins.registry());
  auto config = std::make_shared<source::Config>(
      shape.empty() ? model.checkpoint->config() : read_text(shape, "give a config.json"),
      shape.empty() ? model.checkpoint->config_name() : shape.string());
  model.config = config;
  const auto type = std::string(config->text("model_type"));
  const auto handle = std::make_shared<strata_config>(strata_config{config.get()});
  const auto& candidate =
      plugins.registry().by_key("model", type, "model_type", [&](const registry::Candidate& one) {
        return plugins.family(one)->score({type.data(), type.size()}, handle.get());
      });
  plugins.use(candidate);
  // The family's configuration handle lives as long as the family.
  auto family = std::make_unique<plugin::Family>(plugins.family(candidate), candidate.manifest.name,
                                                 plugins.host(), handle.get());
  model.family = std::shared_ptr<const plugin::Family>(
      family.release(), [handle, config](const plugin::Family* f) { delete f; });
  if (model.checkpoint) model.resolve();
  return model;
}

}  // namespace strata::host
