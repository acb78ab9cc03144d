// Memory of the GPU, filled and read back by whole vectors.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <vector>

namespace strata::test {

inline void succeed(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}

class DeviceMemory {
 public:
  explicit DeviceMemory(std::size_t bytes) : bytes_(bytes) {
    void* made = nullptr;
    succeed(cudaMalloc(&made, bytes));
    memory_.reset(static_cast<std::byte*>(made));
    succeed(cudaMemset(made, 0xA5, bytes));  // unwritten bytes are recognizable
    succeed(cudaStreamSynchronize(nullptr));
  }
  explicit DeviceMemory(const std::vector<std::byte>& from) : DeviceMemory(from.size()) {
    succeed(cudaMemcpy(data(), from.data(), from.size(), cudaMemcpyDefault));
  }
  std::byte* data() const { return memory_.get(); }
  // Waits for the stream first.
  std::vector<std::byte> read(cudaStream_t stream) const {
    std::vector<std::byte> out(bytes_);
    succeed(cudaStreamSynchronize(stream));
    succeed(cudaMemcpy(out.data(), data(), bytes_, cudaMemcpyDefault));
    return out;
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { cudaFree(memory); }
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, Free> memory_;
};

}  // namespace strata::test
