// A dense weight packed into memory of its own.
#pragma once
#include <cstddef>
#include <vector>

#include "core/plugin/codec.hpp"

namespace strata::plugin {

// The bytes of each part that the codec makes of a contiguous weight in host memory, in the order
// of its layout. Throws Error where the codec has no such weights or packs none.
std::vector<std::vector<std::byte>> packed_memory(const Codec& codec, const shape::Value& weight,
                                                  void* dense);

}  // namespace strata::plugin
