// Rope scaling from GGUF metadata.
#pragma once
#include <vector>

#include "core/json.hpp"
#include "core/source/gguf.hpp"
#include "core/source/gguf_mapping.hpp"

namespace strata::source {

// The values of the mapping's tensors of factors; empty where the file has none.
struct GgufRopeFactors {
  std::vector<double> all, shorter, longer;
};

// Adds rope_theta and, where the file scales, rope_scaling to a config.json that already has
// max_position_embeddings. Factors become a "longrope"; `all` gives the same ones at all lengths.
// Refuses an unknown key of `prefix`.scaling by name.
void add_gguf_rope(const Gguf& file, const GgufMapping& mapping, const GgufRopeFactors& factors,
                   Json& config);

}  // namespace strata::source
