// Finds the module of each tensor of an adapter.
#pragma once
#include <string>
#include <vector>

#include "core/adapter/adapter.hpp"
#include "core/adapter/lora_config.hpp"

namespace strata::adapter {

// An adapter without its file. Every tensor is used. Throws Error naming `path` and the tensor that
// is not plain LoRA, fits no module, or is not what the configuration says.
Adapter resolve(const std::string& path, const LoraConfig& config,
                const std::vector<source::Tensor>& tensors, const Modules& modules);

}  // namespace strata::adapter
