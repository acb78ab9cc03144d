#include "core/adapter/save.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/adapter/lora_config.hpp"
#include "core/error.hpp"
#include "core/json.hpp"
#include "core/source/dtype.hpp"
#include "core/source/output.hpp"
#include "core/source/safetensors.hpp"

namespace strata::adapter {
namespace {

std::string module_of(const Module& one) {
  return one.parameter ? one.name.substr(0, one.name.rfind('.')) : one.name;
}

// The name that rules and target_parameters have for it: a router is a parameter of its module.
std::string key_of(const Module& one) { return one.router ? one.name + ".weight" : one.name; }

OrderedJson number(double value) {
  if (std::floor(value) == value && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

std::string config_of(const SaveOptions& options, std::span<const Trained> modules) {
  auto names = OrderedJson::array(), parameters = OrderedJson::array();
  bool in_out = true;
  for (const auto& [module, rank, a, b] : modules) {
    const bool parameter = module.parameter || module.router;
    (parameter ? parameters : names).push_back(key_of(module));
    in_out = in_out && module.in_out;
  }
  auto ranks = OrderedJson::object(), alphas = OrderedJson::object();
  for (const auto& [pattern, rank] : options.ranks) ranks[pattern] = rank;
  for (const auto& [pattern, alpha] : options.alphas) alphas[pattern] = number(alpha);
  OrderedJson config;
  config["alpha_pattern"] = alphas;
  config["base_model_name_or_path"] = options.base;
  config["bias"] = "none";
  config["fan_in_fan_out"] = in_out;
  config["inference_mode"] = true;
  config["init_lora_weights"] = true;
  config["lora_alpha"] = number(options.alpha);
  // PEFT has no dropout of parameters, and none in inference.
  config["lora_dropout"] = parameters.empty() ? options.dropout : 0.0;
  config["modules_to_save"] = nullptr;
  config["peft_type"] = "LORA";
  config["r"] = options.rank;
  config["rank_pattern"] = ranks;
  config["target_modules"] = names;
  config["target_parameters"] = parameters.empty() ? OrderedJson() : parameters;
  config["task_type"] = "CAUSAL_LM";
  config["use_rslora"] = options.rslora;
  return config.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

source::Tensor tensor_of(std::string name, std::int64_t rows, std::int64_t columns) {
  return {.name = "base_model.model." + std::move(name),
          .shape = {rows, columns},
          .stored = source::dense_form(source::f32, {rows, columns})};
}

// [X,out,r] -> [out,r*X], with the experts of a rank side by side.
std::vector<float> turned(const Trained& one) {
  const auto experts = static_cast<std::size_t>(one.module.experts),
             out = static_cast<std::size_t>(one.module.out),
             rank = static_cast<std::size_t>(one.rank);
  std::vector<float> to(one.b.size());
  for (std::size_t e = 0; e < experts; ++e)
    for (std::size_t o = 0; o < out; ++o)
      for (std::size_t k = 0; k < rank; ++k)
        to[(o * rank + k) * experts + e] = one.b[(e * out + o) * rank + k];
  return to;
}

void write_weights(const std::string& path, std::span<const Trained> modules) {
  std::map<std::string, std::size_t> wraps;  // parameters still to come, by module
  for (const auto& one : modules)
    if (one.module.parameter) ++wraps[module_of(one.module)];
  std::vector<source::Tensor> tensors;
  for (const auto& [module, rank, a, b] : modules) {
    auto name = module_of(module);
    if (module.parameter)
      for (auto depth = --wraps[name], i = std::size_t{0}; i < depth; ++i) name += ".base_layer";
    const bool table = module.kind == Kind::table;
    const auto all = rank * module.experts;
    tensors.push_back(
        tensor_of(name + (table ? ".lora_embedding_A" : ".lora_A.weight"), all, module.in));
    tensors.push_back(
        tensor_of(name + (table ? ".lora_embedding_B" : ".lora_B.weight"), module.out, all));
  }
  source::OutputFile file(path);
  const auto header = source::safetensors_header(tensors);
  file.write(0, header);
  std::uint64_t at = header.size();
  const auto write = [&](std::span<const float> floats) {
    file.write(at, std::as_bytes(floats));
    at += floats.size_bytes();
  };
  for (const auto& one : modules) {
    write(one.a);
    if (one.module.experts == 1)
      write(one.b);
    else
      write(turned(one));
  }
  file.finish();
}

}  // namespace

void save(const std::string& folder, const SaveOptions& options, std::span<const Trained> modules) {
  const auto text = config_of(options, modules);
  const auto config = LoraConfig::parse(text, "adapter_config.json");
  Effort effort;
  for (const auto& one : modules) {
    const auto elements = static_cast<std::size_t>(one.module.experts * one.rank);
    if (config.rank_of(key_of(one.module), effort) != one.rank ||
        one.a.size() != elements * static_cast<std::size_t>(one.module.in) ||
        one.b.size() != elements * static_cast<std::size_t>(one.module.out))
      throw Error(folder, "'" + one.module.name + "' has another rank than the options say",
                  "name its rank in a pattern");
  }
  source::OutputFolder out(folder);
  source::OutputFile file(out.file("adapter_config.json"));
  file.write(0, text);
  file.finish();
  write_weights(out.file("adapter_model.safetensors"), modules);
  out.appear();
}

}  // namespace strata::adapter
