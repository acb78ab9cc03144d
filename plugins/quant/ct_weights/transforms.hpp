// Transforms, as Hadamard's, that a checkpoint's configuration asks for.
#pragma once
#include <strata/plugin.hpp>

#include "packed/json.hpp"
#include "packed/tensors.hpp"

namespace compressed_tensors {

// Whether all of a transform's places are weights: the checkpoint holds those as transformed.
inline bool is_stored(const packed::Json& transform) {
  const auto* places = transform.find("apply");
  if (!places || !places->is(packed::Json::Kind::list)) return false;
  for (const auto& place : places->items) {
    const auto* location = place.find("location");
    if (!location || (location->text != "weight_input" && location->text != "weight_output"))
      return false;
  }
  return true;
}

// Throws where activations are transformed at run time, since weights that fit those give wrong
// numbers without it. Recent checkpoints have an empty transform_config, which costs nothing here.
inline void refuse_transforms(const strata::Config* options, const packed::Tensors& tensors) {
  if (!options || !options->has("transform_config.config_groups")) return;
  const auto all = packed::Json::parse(options->raw(), "quantization_config");
  const auto* transforms = all.find("transform_config");
  const auto* groups = transforms ? transforms->find("config_groups") : nullptr;
  if (!groups) return;
  for (const auto& [name, transform] : groups->members)
    if (!is_stored(transform))
      throw tensors.unsupported("config.json's transform_config, whose '" + name.substr(0, 40) +
                                "' transforms activations,");
}

}  // namespace compressed_tensors
