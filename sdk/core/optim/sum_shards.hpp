// The sum of the same shard of several ranks.
#pragma once
#include <cstdint>

#include "core/device/device.hpp"

namespace strata::optim {

// Writes the sum of `ranks` shards of `shard` bytes, which lie one behind the other at `parts`, to
// `sum`. Adds in float32 in the order of the ranks, and rounds bfloat16 once, to nearest even.
void sum_shards(std::byte* sum, const std::byte* parts, uint32_t ranks, uint64_t shard,
                device::Element element);

}  // namespace strata::optim
