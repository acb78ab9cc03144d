// The quant plugins' part in opening a checkpoint that is no GGUF file.
#pragma once
#include "app/plugins.hpp"
#include "core/source/packed_weights.hpp"

namespace strata::app {

// The names of packed weights' parts from the plugins' manifests, and the plugins' recognition of
// weights; `plugins` outlives the result. [main-thread]
source::PackedWeights packed_weights(Plugins& plugins);

}  // namespace strata::app
