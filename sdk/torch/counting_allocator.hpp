// Counts of the bytes that LibTorch's tensors hold.
#pragma once
#include <c10/core/Device.h>

#include <cstdint>

namespace strata::torch {

struct HeldBytes {
  uint64_t now = 0, peak = 0;  // peak: since the last call
};

// Counts from the first call on, for the whole process. [any-thread]
void count_allocations();
// Keeps freed memory for the next tensor of its size, as long as held and kept memory together are
// at most `bytes`: a system gives pages out slowly, and a pass makes the same tensors for every
// layer. 0: keeps none. [any-thread]
void keep_freed(uint64_t bytes);
// Returns the held bytes, without kept memory, and begins the peak anew. [any-thread]
HeldBytes held_bytes();
// The same for a GPU, as LibTorch's own allocator counts.
HeldBytes held_bytes(const c10::Device& device);

}  // namespace strata::torch
