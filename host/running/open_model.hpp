// MODEL, as the user named it, made ready: its checkpoint and family.
#pragma once
#include <string>

#include "core/run/model.hpp"
#include "host/running/model_options.hpp"
#include "host/running/opened.hpp"

namespace strata::host {

// A Hugging Face folder, a .safetensors, .bin or .gguf file, or a model in the hub's cache.
source::Checkpoint open_checkpoint(const ModelOptions& options, const registry::Registry& registry);

// The checkpoint with the family that its model_type names, every weight found; where `shapes`,
// also a config.json or a named shape, without weights. Where the options ask for a critic, its
// head is the value head. Unless `resolved`, weights are not looked for.
run::Model open_model(const ModelOptions& options, Opened& plugins, bool shapes,
                      bool resolved = true);

}  // namespace strata::host
