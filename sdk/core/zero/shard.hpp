// How ranks share a unit: its bytes are cut at multiples of 16 into equal shards.
#pragma once
#include <cstdint>

namespace strata::zero {

inline constexpr uint64_t shard_align = 16;

// Bytes of each rank's shard; the last ones may reach beyond the unit's end.
constexpr uint64_t shard_bytes(uint64_t bytes, uint32_t ranks) {
  if (ranks == 1) return bytes;
  const uint64_t each = (bytes + ranks - 1) / ranks;
  return (each + shard_align - 1) / shard_align * shard_align;
}

}  // namespace strata::zero
