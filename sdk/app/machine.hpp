// The machine's memory, queried without opening LibTorch.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace strata::app {

// Resident memory of this process in bytes, now and at its peak; own_status is a field of
// /proc/self/status in bytes.
namespace memory {
uint64_t own_status(std::string_view key);
uint64_t resident();
uint64_t most_resident();
}  // namespace memory

// The GPU memory that computing holds beside its tensors: cuBLAS's workspace, 32 MiB on the GPUs
// with the largest one, and the rounding of LibTorch's allocator, less than 1 MiB for each of the
// large tensors that live at once.
constexpr uint64_t cuda_library_bytes = (32u + 8u) << 20;

struct CudaMemory {
  bool there = false;
  uint64_t total = 0;  // bytes
};

// Asks the driver's library; `there` is false without one.
CudaMemory cuda_memory(uint32_t gpu = 0);

// The number of the GPU for the process of this number on its machine: the same one, or 0 where the
// process sees only one GPU, its own.
uint32_t gpu_of_process(uint32_t local);

// The NUMA node that the GPU hangs on; empty without such a GPU, or where the system does not say.
std::optional<uint32_t> numa_node_of_gpu(uint32_t gpu);

}  // namespace strata::app
