// Sizes of elements and shapes, for every layer.
#pragma once
#include <strata/abi/core.h>

#include <cstdint>
#include <span>

namespace strata {

inline bool same(strata_dtype a, strata_dtype b) {
  return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes;
}

// The bytes of one element; 0 for one of less than a byte.
inline std::uint32_t element_bytes(strata_dtype dtype) { return dtype.bits / 8u * dtype.lanes; }

// The number of elements of a shape that was checked: no length is negative, and the product fits.
inline std::uint64_t element_count(std::span<const std::int64_t> shape) {
  std::uint64_t count = 1;
  for (const auto length : shape) count *= static_cast<std::uint64_t>(length);
  return count;
}

}  // namespace strata
