#include "core/source/model_folder.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <map>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/source/file.hpp"
#include "core/source/gguf_parts.hpp"
#include "core/source/names_text.hpp"

namespace strata::source {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    out.push_back(entry.path().filename().string());
  std::ranges::sort(out);
  return out;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// The base model of a PEFT adapter by its configuration; "" where that does not name it.
std::string base_of(const std::string& folder) {
  try {
    const auto path = folder + "/adapter_config.json";
    const auto config = parse_settings(File::open(path)->text(longest_config), path);
    const auto base = config.is_object() ? config.find("base_model_name_or_path") : config.end();
    if (base != config.end() && base->is_string()) return base->get<std::string>();
  } catch (const Error&) {
  }
  return "";
}

struct Other {
  std::string_view file, words;  // the file's name, or its end after a '*'
};
constexpr std::array others{
    Other{"model_index.json", "an image model of diffusers"},
    Other{"flax_model.msgpack", "weights of Flax"},
    Other{"tf_model.h5", "weights of TensorFlow"},
    Other{"*.onnx", "a model in ONNX"},
    Other{"*.tflite", "a model in TensorFlow Lite"},
    Other{"*.mlmodelc", "a model in Core ML"},
    Other{"*.nemo", "a model of NeMo"},
    Other{"*.engine", "a model compiled by TensorRT"},
    Other{"*.distcp", "a checkpoint of torch.distributed"},
    Other{"zero_to_fp32.py", "a training checkpoint of DeepSpeed"},
};

bool is(std::string_view name, std::string_view pattern) {
  return pattern.starts_with('*') ? name.ends_with(pattern.substr(1)) : name == pattern;
}

}  // namespace

std::string weights_of(const std::string& folder) {
  for (const auto* name : {"/model.safetensors", "/pytorch_model.bin"})
    for (const auto* end : {"", ".index.json"})
      if (exists(folder + name + end)) return folder + name + end;
  return "";
}

std::string gguf_of(const std::string& folder) {
  std::map<std::string, std::string> models;  // a split one by its prefix
  for (const auto& name : names_in(folder)) {
    const auto words = lower(name);
    if (!name.ends_with(".gguf") || words.find("mmproj") != words.npos ||
        words.find("imatrix") != words.npos)
      continue;
    const auto part = part_name(name);
    models.try_emplace(part ? part->prefix : name, folder + "/" + name);
  }
  if (models.empty()) return "";
  if (models.size() == 1) return models.begin()->second;
  std::vector<std::string> files;
  for (const auto& [prefix, path] : models) files.push_back(fs::path(path).filename().string());
  throw Error(folder, "holds several GGUF models: " + first_of(files), "give one of the files");
}

void refuse_folder(const std::string& folder) {
  const auto names = names_in(folder);
  const auto has = [&](std::string_view pattern) {
    return std::ranges::any_of(names, [&](const std::string& name) { return is(name, pattern); });
  };
  if (has("adapter_config.json")) {
    const auto base = base_of(folder);
    throw Error(folder,
                "is a PEFT adapter (adapter_config.json), not a whole model" +
                    (base.empty() ? "" : "; its base model is '" + printable(base, 60) + "'"),
                "give the base model as MODEL, and this folder with --adapter");
  }
  const bool own = std::ranges::any_of(
      names, [](const std::string& name) { return name.starts_with("consolidated"); });
  if (own || (has("params.json") && !has("config.json")))
    throw Error(folder,
                "is in the layout of the maker's own programs (params.json, consolidated weights)",
                "give the same model in Hugging Face's layout, or as GGUF");
  for (const auto& [file, words] : others)
    if (has(file))
      throw Error(folder, "holds " + std::string(words) + ", which are not read",
                  "give the model as safetensors or GGUF");
  std::vector<std::string> weights;
  for (const auto& name : names)
    if (name.ends_with(".safetensors") || name.ends_with(".bin") || name.ends_with(".pt") ||
        name.ends_with(".pth"))
      weights.push_back(name);
  if (weights.empty() || !has("config.json"))
    throw Error(
        folder,
        std::string("has no ") + (has("config.json") ? "" : "config.json") +
            (weights.empty() && !has("config.json") ? " and no " : "") +
            (weights.empty() ? "weights (model.safetensors, pytorch_model.bin or GGUF)" : ""),
        "complete the model there; `strata download ORG/NAME` fetches one of the hub");
  throw Error(
      folder,
      "has no model.safetensors, pytorch_model.bin or index of either, but " + first_of(weights),
      "give the one file, or fetch the index that the shards belong to");
}

}  // namespace strata::source
