// Chooses the files of a repository that a model needs.
#include <algorithm>
#include <iterator>
#include <string_view>

#include "hub/download.hpp"

namespace strata::hub {
namespace {

constexpr std::string_view needed[] = {"config.json", "generation_config.json",
                                       // the tokenizer's files
                                       "tokenizer.json", "tokenizer_config.json",
                                       "special_tokens_map.json", "added_tokens.json", "vocab.json",
                                       "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model",
                                       "chat_template.jinja", "chat_template.json"};

// Names of weight files, in the order of preference.
constexpr std::string_view weights[] = {"model.safetensors", "model.safetensors.index.json",
                                        "pytorch_model.bin", "pytorch_model.bin.index.json"};

// Whether the file is one of several chat templates.
bool is_template(std::string_view name) {
  constexpr std::string_view folder = "additional_chat_templates/";
  if (!name.starts_with(folder) || !name.ends_with(".jinja")) return false;
  name.remove_prefix(folder.size());
  return name.find('/') == name.npos && !name.starts_with(".");
}

}  // namespace

std::vector<std::string> small_files(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const auto& name : names)
    if (std::ranges::find(needed, name) != std::end(needed) || is_template(name) ||
        (name.ends_with(".tiktoken") && name.find('/') == name.npos && !name.starts_with(".")))
      out.push_back(name);
  return out;
}

std::string weights_file(const std::vector<std::string>& names) {
  for (const auto name : weights)
    if (std::ranges::find(names, name) != names.end()) return std::string(name);
  return {};
}

}  // namespace strata::hub
