// Opens MODEL as the user named it: its checkpoint and its family.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "app/plugins.hpp"
#include "core/run/model.hpp"

namespace strata::app {

// A Hugging Face folder, a .safetensors, .bin or .gguf file, or a model in the hub's cache.
source::Checkpoint open_checkpoint(const ModelOptions& options, const registry::Registry& registry);

// The checkpoint with the family that its model_type names, and with every weight found. With
// `shapes` it may also be a config.json or a named shape, which has no weights. If the options ask
// for a critic, its head is the value head. Unless `resolved`, weights are not searched for. A
// checkpoint without a value head gets one that is drawn from `head_seed`, where it is given.
run::Model open_model(const ModelOptions& options, Plugins& plugins, bool shapes = false,
                      bool resolved = true, std::optional<std::uint64_t> head_seed = {});

}  // namespace strata::app
