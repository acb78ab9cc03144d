// What this machine has, asked without opening LibTorch.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace strata::host {

// Bytes of this process in memory, now and at most so far; a field of /proc/self/status in bytes.
namespace memory {
uint64_t own_status(std::string_view key);
uint64_t resident();
uint64_t most_resident();
}  // namespace memory

// What computing on a GPU holds beside its tensors: cuBLAS's workspace, 32 MiB on the GPUs that
// take most, and what LibTorch's allocator rounds up, less than 1 MiB for each of the large tensors
// that live at once.
constexpr uint64_t cuda_library_bytes = (32u + 8u) << 20;

struct CudaMemory {
  bool there = false;
  uint64_t total = 0;  // of device 0, bytes
};

// By the driver's library, where there is one.
CudaMemory cuda_memory();

}  // namespace strata::host
