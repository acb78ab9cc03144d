// The manifest beside a plugin's library: strata-<kind>-<name>.json.
#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::registry {

struct Manifest {
  std::string kind, name, version, vendor;
  std::string library;  // a file name, in the manifest's folder
  std::string sha256;   // of the library, 64 lower-case hex digits
  std::uint32_t abi_major = 0, abi_minor = 0;
  std::vector<std::string> keys;    // model types, targets or schemes that it serves exactly
  std::vector<std::string> drafts;  // draft interfaces that it uses
  bool only_by_name = false;        // never chosen by key or score
  bool page_locked = false;         // for a tier: its memory is page-locked
  nlohmann::json needs = nlohmann::json::object();
  nlohmann::json gguf = nlohmann::json::object();   // by GGUF architecture: names and keys
  nlohmann::json parts = nlohmann::json::object();  // by scheme: the parts' names in checkpoints
  // Words in a model's name or model_type. If no plugin serves the model's own model_type, such a
  // model is treated as the first of the keys.
  std::vector<std::string> model_names;
  // For a family: the keys of config.json that may be null, which then means the same as an absent
  // key; null in another key is refused. Without this list a null in any key means an absent key.
  std::optional<std::vector<std::string>> null_keys;
  // For a family: the padding token that a tokenizer without one gets in training, where the
  // model's name contains that of the plugin; empty: none, since the end of a text is the padding.
  std::string padding;
  // For a family: by model_type, the names of the classes of transformers' modules.
  nlohmann::json classes = nlohmann::json::object();
};

// The kinds of plugins.
bool is_kind(std::string_view kind);
// A plugin's name: 1 to 64 of a-z, 0-9, - _ .
bool is_name(std::string_view name);

// Parses a manifest's text; an Error for malformed text begins with `file`. Unknown keys are
// skipped: a newer manifest may have them.
Manifest parse_manifest(std::string_view text, const std::string& file);

// The manifest beside the library that a user named, or the manifest that the user named itself, as
// an absolute path. A UsageError of `who` refuses a folder and a path where nothing is.
std::filesystem::path manifest_of_named(const std::filesystem::path& named, std::string_view who);

// Reads the file, at most 1 MiB of it; its file name must match its kind and name.
Manifest read_manifest(const std::filesystem::path& file);

}  // namespace strata::registry
