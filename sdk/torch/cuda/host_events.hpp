// Events between the streams of a GPU and the thread of lane host.
#pragma once
#include <cuda.h>
#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <vector>

namespace strata::torch {

// Streams wait for the host by a flag in memory that both see, the host waits for streams by events
// of CUDA that are taken anew for each wait.
class HostEvents {
 public:
  HostEvents(int device, uint32_t events);
  ~HostEvents();
  HostEvents(const HostEvents&) = delete;
  HostEvents& operator=(const HostEvents&) = delete;

  // The thread of lane host says that the occurrence has happened.
  void happen(uint32_t event, uint64_t occurrence);
  // Later work of the stream begins after the occurrence.
  cudaError_t wait(cudaStream_t stream, uint32_t event, uint64_t occurrence);

  // Marks the work that the stream has until now with a number that the host can wait for once.
  cudaError_t mark(cudaStream_t stream, uint32_t& number);
  // Blocks until the marked work is done; returns its failure, if any.
  std::exception_ptr await(uint32_t number);

 private:
  using WaitValue = CUresult(CUstream, CUdeviceptr, cuuint32_t, unsigned int);

  int device_;
  WaitValue* wait_value_ = nullptr;
  uint32_t* flags_ = nullptr;  // by event: its last occurrence
  CUdeviceptr flags_on_device_ = 0;
  std::mutex mutex_;
  std::vector<cudaEvent_t> marks_;
  std::vector<uint32_t> free_;  // numbers of marks that are not in use
};

}  // namespace strata::torch
