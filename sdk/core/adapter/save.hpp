// Writes a LoRA adapter as a folder that PEFT loads.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/adapter/modules.hpp"

namespace strata::adapter {

// The product of one module. Dims: X experts, r rank.
struct Trained {
  Module module;
  std::int64_t rank = 0;
  std::span<const float> a, b;  // [X,r,in], [X,out,r]
};

// Where a module has another rank or alpha, the first of the patterns that matches its name
// (Python's `re`, behind any words that end in ".") must say so.
struct SaveOptions {
  std::string base;  // the base model's name or folder, which adapter_config.json has
  std::int64_t rank = 8;
  double alpha = 16;
  bool rslora = false;
  double dropout = 0;
  std::vector<std::pair<std::string, std::int64_t>> ranks{};
  std::vector<std::pair<std::string, double>> alphas{};
};

// Writes adapter_config.json and adapter_model.safetensors, in float32. Modules are in the order of
// Modules::all(). The folder appears whole or not at all; one that exists and is not empty is
// refused, and so is a module with another rank than the options give it.
void save(const std::string& folder, const SaveOptions& options, std::span<const Trained> modules);

}  // namespace strata::adapter
