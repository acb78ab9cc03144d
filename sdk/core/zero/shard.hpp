// How ranks share a unit: its bytes are cut at multiples of 16 into equal shards.
#pragma once
#include <algorithm>
#include <cstdint>

namespace strata::zero {

inline constexpr uint64_t shard_align = 16;

// Bytes of each rank's shard; the last ones may reach beyond the unit's end.
constexpr uint64_t shard_bytes(uint64_t bytes, uint32_t ranks) {
  if (ranks == 1) return bytes;
  const uint64_t each = (bytes + ranks - 1) / ranks;
  return (each + shard_align - 1) / shard_align * shard_align;
}

struct Shard {
  uint64_t from = 0, bytes = 0;  // of the unit's
};

// This rank's part of a unit's bytes; none where they end before it.
constexpr Shard shard_of(uint64_t bytes, uint32_t rank, uint32_t ranks) {
  const auto each = shard_bytes(bytes, ranks);
  const auto from = std::min(bytes, each * rank);
  return {from, std::min(bytes - from, each)};
}

// Bytes that each rank gets from the others in the gather of a unit.
constexpr uint64_t gathered_bytes(uint64_t bytes, uint32_t ranks) {
  return (ranks - 1) * shard_bytes(bytes, ranks);
}

}  // namespace strata::zero
