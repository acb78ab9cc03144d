// Work on the caller's threads, in memory that the caller provides.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/packed_linear.hpp"

namespace strata::kernels {

// Calls f(at) for each `at` in [0, items), on the host's threads if there are several.
template <class F>
void spread(Run run, int64_t items, F f) {
  if (items == 1 || run.parallel == nullptr) {
    for (int64_t at = 0; at < items; ++at) f(at);
    return;
  }
  run.parallel(
      run.context, items, [](void* user, int64_t at) { (*static_cast<F*>(user))(at); }, &f);
}

// A workspace has as many bytes more than it needs, so that what it holds is aligned.
inline constexpr std::size_t alignment = 64;

inline std::byte* aligned(std::byte* p) {
  const auto at = std::bit_cast<uintptr_t>(p);
  return p + ((alignment - at % alignment) % alignment);
}

}  // namespace strata::kernels
