#include "core/source/quantization.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/source/dtype.hpp"

namespace strata::source {
namespace {

// Names as their authors write them: short names are abbreviations.
std::string spelled(std::string method) {
  constexpr std::size_t longest_abbreviation = 5;
  if (method.size() <= longest_abbreviation)
    std::ranges::transform(method, method.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return printable(method, 40);
}

std::string text_in(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

std::string number_in(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number_integer() ? at->dump() : "";
}

bool flag_in(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_boolean() && at->get<bool>();
}

// A method describes itself by its bits, format or algorithm.
std::string detail_of(const Json& from) {
  if (const auto rows = from.find("weight_block_size"); rows != from.end() && rows->is_array())
    return "blocks of " + rows->dump();
  for (const auto* key : {"quant_algo", "format"})
    if (const auto text = text_in(from, key); !text.empty()) return text;
  for (const auto* key : {"bits", "w_bit", "nbits"})
    if (const auto bits = number_in(from, key); !bits.empty()) return bits + " bits";
  if (flag_in(from, "load_in_4bit")) return "4 bits";
  if (flag_in(from, "load_in_8bit")) return "8 bits";
  return text_in(from, "fmt");
}

std::string name_of(std::string method, const Json& from) {
  const auto detail = detail_of(from);
  return spelled(std::move(method)) + (detail.empty() ? "" : " (" + printable(detail, 40) + ")");
}

constexpr std::array<const char*, 3> option_keys{"quantization_config", "compression_config",
                                                 "quantization"};

// The object under one of these keys, in the configuration or its text_config; null: none.
const Json* options_in(const Json& config) {
  for (const auto* key : option_keys) {
    const auto at = config.find(key);
    if (at != config.end() && at->is_object() && !at->empty()) return &*at;
  }
  const auto text = config.find("text_config");
  return text != config.end() && text->is_object() ? options_in(*text) : nullptr;
}

std::string named_in(const Json& config) {
  const auto* options = options_in(config);
  if (!options) return "";
  auto method = text_in(*options, "quant_method");
  if (method.empty() && (flag_in(*options, "load_in_4bit") || flag_in(*options, "load_in_8bit")))
    method = "bitsandbytes";
  if (method.empty() && options->contains("group_size") && options->contains("bits"))
    method = "MLX";
  if (method.empty() && !text_in(*options, "quant_algo").empty()) method = "modelopt";
  return name_of(method.empty() ? "a form without a quant_method" : method, *options);
}

// The files of quantizing programs beside a checkpoint, and their methods.
constexpr std::array<std::pair<const char*, const char*>, 3> method_files{
    {{"/quantize_config.json", "GPTQ"},
     {"/quant_config.json", "AWQ"},
     {"/hf_quant_config.json", "modelopt"}}};

// The object of such a file; null where the file is not there, and an empty one where it is none.
Json options_of_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return nullptr;
  try {
    auto config = parse_settings(File::open(path)->text(longest_config), path);
    if (config.is_object() && config.contains("quantization")) config = config["quantization"];
    return config.is_object() ? config : Json::object();
  } catch (const Error&) {
    return Json::object();
  }
}

// The name from tensors beside the weights; "" where their names say nothing.
std::string stored_quantization(const std::vector<Tensor>& tensors) {
  const auto any = [&](std::string_view word) {
    return std::ranges::any_of(tensors, [&](const Tensor& tensor) {
      const auto at = tensor.name.rfind(word);
      return at != std::string::npos &&
             (at + word.size() == tensor.name.size() || word.ends_with('.') ||
              tensor.name[at + word.size()] == '.');
    });
  };
  if (any(".qweight")) return any(".g_idx") ? "GPTQ" : "GPTQ or AWQ";
  if (any(".weight.absmax") || any(".quant_state.") || any(".SCB")) return "bitsandbytes";
  if (any(".weight_packed")) return "compressed-tensors";
  if (any(".weight_scale_inv")) return "FP8 with scales of blocks";
  if (any(".weight_scale_2")) return "NVFP4 of modelopt";
  if (any(".W_q")) return "HQQ";
  if (any(".codebooks")) return "AQLM";
  if (any(".scales") && any(".biases")) return "MLX";
  if (any(".weight_scale")) return "a form with a weight_scale";
  return "";
}

// Only matrices count: counters and positions are integers as well.
bool is_code(const Tensor& tensor) { return tensor.shape.size() > 1 && holds_codes(tensor); }

}  // namespace

std::string configured_quantization(const Checkpoint& checkpoint) {
  if (checkpoint.kind() == Kind::gguf) return "";
  try {
    const auto config = parse_settings(checkpoint.config(), checkpoint.config_name());
    if (const auto name = config.is_object() ? named_in(config) : ""; !name.empty()) return name;
  } catch (const Error&) {  // the reader of the configuration reports it
  }
  for (const auto& [file, method] : method_files)
    if (const auto options = options_of_file(checkpoint.folder() + file); options.is_object())
      return name_of(method, options);
  return "";
}

Json quantization_options(const Checkpoint& checkpoint) {
  if (checkpoint.kind() == Kind::gguf) return nullptr;
  try {
    const auto config = parse_settings(checkpoint.config(), checkpoint.config_name());
    if (const auto* options = config.is_object() ? options_in(config) : nullptr) return *options;
  } catch (const Error&) {  // the reader of the configuration reports it
  }
  for (const auto& [file, method] : method_files) {
    auto options = options_of_file(checkpoint.folder() + file);
    if (!options.is_object()) continue;
    std::string name = method;
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!options.contains("quant_method")) options["quant_method"] = name;
    return options;
  }
  return nullptr;
}

std::string without_quantization(const std::string& config, const std::string& name) {
  auto out = parse_settings(config, name);
  for (const auto* key : option_keys) {
    out.erase(key);
    if (out.contains("text_config") && out["text_config"].is_object())
      out["text_config"].erase(key);
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string quantization_of(const Checkpoint& checkpoint) {
  const auto& tensors = checkpoint.tensors();
  const auto stored = stored_quantization(tensors);
  if (stored.empty() && std::ranges::none_of(tensors, is_code)) return "";
  const auto configured = configured_quantization(checkpoint);
  return configured.empty() ? stored : configured;
}

bool holds_codes(const Tensor& form) {
  if (!form.stored.dense()) return opaque_type(form.stored.scheme) != nullptr;
  const auto code = form.stored.dtype().code;
  return code == STRATA_INT || code == STRATA_UINT;
}

namespace {

// Whether the configuration's method is that of other tensors. Methods that store weights as
// another one does are not among these.
bool contradicts(const std::string& configured, const std::string& stored) {
  constexpr std::array<std::string_view, 5> known{"GPTQ", "AWQ", "compressed-tensors",
                                                  "bitsandbytes", "FP8"};
  const auto method = configured.substr(0, configured.find(" ("));
  const auto is_of = [&](std::string_view one) { return stored.find(one) != stored.npos; };
  return std::ranges::find(known, method) != known.end() && std::ranges::any_of(known, is_of) &&
         !is_of(method);
}

}  // namespace

void refuse_quantization(const Checkpoint& checkpoint, const std::string& name) {
  if (const auto stored = stored_quantization(checkpoint.tensors()); contradicts(name, stored))
    throw Error(
        checkpoint.config_name(),
        "it names the quantization " + name + ", and the weights' tensors are those of " + stored,
        "give the config.json that belongs to these weights");
  throw Error(checkpoint.path(),
              "its weights are quantized as " + name + ", which is not supported",
              "give the model unquantized, or as GGUF");
}

}  // namespace strata::source
