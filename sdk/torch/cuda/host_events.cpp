#include "torch/cuda/host_events.hpp"

#include <cstring>
#include <string>

#include "core/error.hpp"

namespace strata::torch {
namespace {

void check(const char* what, cudaError_t error) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // clears the error, so that no later call reports it again
  throw Error("cuda", std::string(what) + ": " + cudaGetErrorString(error), "");
}

}  // namespace

HostEvents::HostEvents(int device, uint32_t events) : device_(device) {
  void* found = nullptr;
  auto result = cudaDriverEntryPointSymbolNotFound;
  check("the driver's functions",
        cudaGetDriverEntryPointByVersion("cuStreamWaitValue32", &found, 12000, cudaEnableDefault,
                                         &result));
  if (!found || result != cudaDriverEntryPointSuccess)
    throw Error("cuda", "the driver has no function cuStreamWaitValue32",
                "use a driver for CUDA 12 or later");
  wait_value_ = reinterpret_cast<WaitValue*>(found);
  void *flags = nullptr, *there = nullptr;
  check("memory for events", cudaHostAlloc(&flags, events * sizeof(uint32_t), cudaHostAllocMapped));
  flags_ = static_cast<uint32_t*>(flags);
  std::memset(flags_, 0, events * sizeof(uint32_t));
  check("memory for events", cudaHostGetDevicePointer(&there, flags, 0));
  flags_on_device_ = reinterpret_cast<CUdeviceptr>(there);
}

HostEvents::~HostEvents() {
  cudaSetDevice(device_);
  for (auto mark : marks_) cudaEventDestroy(mark);
  cudaFreeHost(flags_);
}

void HostEvents::happen(uint32_t event, uint64_t occurrence) {
  std::atomic_ref(flags_[event])
      .store(static_cast<uint32_t>(occurrence), std::memory_order_release);
}

// The comparison is cyclic, so occurrences beyond 32 bits are no mistake.
cudaError_t HostEvents::wait(cudaStream_t stream, uint32_t event, uint64_t occurrence) {
  const auto result = wait_value_(stream, flags_on_device_ + event * sizeof(uint32_t),
                                  static_cast<cuuint32_t>(occurrence), CU_STREAM_WAIT_VALUE_GEQ);
  return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorUnknown;
}

cudaError_t HostEvents::mark(cudaStream_t stream, uint32_t& number) {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    cudaEvent_t made = nullptr;
    const auto error =
        cudaEventCreateWithFlags(&made, cudaEventDisableTiming | cudaEventBlockingSync);
    if (error != cudaSuccess) return error;
    free_.push_back(static_cast<uint32_t>(marks_.size()));
    marks_.push_back(made);
  }
  number = free_.back();
  free_.pop_back();
  return cudaEventRecord(marks_[number], stream);
}

std::exception_ptr HostEvents::await(uint32_t number) {
  cudaEvent_t mark = nullptr;
  {
    const std::lock_guard lock(mutex_);
    mark = marks_[number];
  }
  cudaSetDevice(device_);
  const auto error = cudaEventSynchronize(mark);
  const std::lock_guard lock(mutex_);
  free_.push_back(number);
  if (error == cudaSuccess) return nullptr;
  cudaGetLastError();
  return std::make_exception_ptr(
      Error("cuda", std::string("the device's work failed: ") + cudaGetErrorString(error), ""));
}

}  // namespace strata::torch
