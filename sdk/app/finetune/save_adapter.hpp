// Writes trained adapters as a folder that PEFT loads, or merged into their model.
#pragma once
#include <string_view>

#include "app/finetune_options.hpp"
#include "app/plugins.hpp"
#include "core/run/group.hpp"
#include "core/train/training.hpp"

namespace strata::app {

// The folder in an output in which the adapters are while they are merged.
inline constexpr std::string_view merged_adapter = "adapter";

// As save_model, for a run with adapters: adapter_config.json and adapter_model.safetensors; with
// LoraOptions::merge the whole model, as `strata import --adapter` writes it. All ranks of a group
// call it together: rank 0, which has all of them, writes, and the others wait for it.
void save_adapter(train::Training& training, const FinetuneOptions& options, Plugins& plugins,
                  run::Group* group = nullptr);

}  // namespace strata::app
