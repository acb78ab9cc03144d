// Rotary scaling out of GGUF metadata.
#pragma once
#include <span>

#include "core/source/gguf.hpp"
#include "core/source/gguf_mapping.hpp"
#include "core/source/json.hpp"

namespace strata::source {

// Adds rope_theta and, where the file scales, rope_scaling to a config.json that already has
// max_position_embeddings. A key of `prefix`.scaling that is not understood is refused by name.
void add_gguf_rope(const Gguf& file, const GgufMapping& mapping, std::span<const double> factors,
                   Json& config);

}  // namespace strata::source
