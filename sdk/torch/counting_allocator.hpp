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
// Freed memory is kept for the next tensor of its size, as long as no more than `bytes` are taken
// with it: a system gives pages out slowly, and a pass makes the same tensors for every layer. 0:
// none. [any-thread]
void keep_freed(uint64_t bytes);
// What is kept is not held. The peak begins anew. [any-thread]
HeldBytes held_bytes();
// The same of a GPU, as LibTorch's own allocator counts.
HeldBytes held_bytes(const c10::Device& device);

}  // namespace strata::torch
