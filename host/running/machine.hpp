// What this machine has, asked without opening LibTorch.
#pragma once
#include <cstddef>
#include <cstdint>

namespace strata::host {

// Bytes of host memory that can be taken without swapping.
uint64_t available_memory();

struct CudaMemory {
  bool there = false;
  uint64_t total = 0;  // of device 0, bytes
};

// By the driver's library, where there is one.
CudaMemory cuda_memory();

}  // namespace strata::host
