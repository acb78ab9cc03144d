// Opens MODEL as the user named it: its checkpoint and its family.
#pragma once
#include <string>

#include "app/plugins.hpp"
#include "core/json.hpp"
#include "core/run/model.hpp"

namespace strata::app {

// A Hugging Face folder, a .safetensors, .bin or .gguf file, or a model in the hub's cache.
// Weights that lie in several tensors are those that the quant plugins recognize.
source::Checkpoint open_checkpoint(const ModelOptions& options, Plugins& plugins);

// The checkpoint with the family that its model_type names, and with every weight found. With
// `shapes` it may also be a config.json or a named shape, which has no weights. If the options ask
// for a critic, its head is the value head. Unless `resolved`, weights are not searched for.
// Weights that the options quantize are packed here, with `progress` over their bytes; with
// `shapes` they are planned.
run::Model open_model(const ModelOptions& options, Plugins& plugins, bool shapes = false,
                      bool resolved = true, const LoadProgress& progress = {});

// Finds every weight in the model's checkpoint, and gives a model whose head is not the table that
// it is said to be tied to its own head. If the run is only `planned`, it compares their
// beginnings.
void find_weights(run::Model& model, bool planned, const ModelOptions& options, Plugins& plugins);

// Where the options override keys of the configuration, leaves those tensors out of the model's
// checkpoint that its own configuration uses and the overridden one does not, such as those of
// layers beyond a smaller number: they do not belong to the model that is written. It is called
// before tensors are added to the checkpoint. Tensors that neither uses stay, as do packed ones.
void leave_out_unused(run::Model& model, const ModelOptions& options, Plugins& plugins);

// Merges `keys` into the model's configuration and makes its family anew from that. Weights that
// were found are those of the earlier family.
void reconfigure(run::Model& model, const Json& keys, const ModelOptions& options,
                 Plugins& plugins);

}  // namespace strata::app
