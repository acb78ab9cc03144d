// Bytes that LibTorch's tensors hold.
#pragma once
#include <c10/core/Device.h>

#include <cstdint>

namespace strata::torch {

struct HeldBytes {
  uint64_t now = 0, peak = 0;  // peak: since it was last asked for
};

// Counts from the first call on, for the whole process. [any-thread]
void count_allocations();
// The peak begins anew. [any-thread]
HeldBytes held_bytes();
// The same of a GPU, as LibTorch's own allocator counts.
HeldBytes held_bytes(const c10::Device& device);

}  // namespace strata::torch
