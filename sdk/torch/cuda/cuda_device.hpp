// A GPU's memory and lanes. Lane compute is the stream that LibTorch computes on, lane host is a
// thread, the others are streams of their own; only events order them.
#pragma once
#include <cuda_runtime_api.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/device/arena.hpp"
#include "core/device/device.hpp"
#include "core/device/event_board.hpp"
#include "core/device/worker.hpp"
#include "torch/cuda/host_events.hpp"

namespace strata::torch {

// [Note: events]
// A thread can wait for an event before it is recorded: the reader's thread records those of lane
// io while the computing thread runs ahead. CUDA would let such a wait pass, so the board knows the
// occurrences that were *issued*, and a wait blocks its thread until then; the stream waits for the
// work. A new record of an event replaces the work that later waits refer to. By the plan's order a
// unit's stage happens again only after all waits for the earlier occurrence were issued. The
// thread of lane host waits later than that, so it waits for an event of its own, recorded at the
// moment when its wait was issued. Streams wait for events of lane host by its flags in mapped
// memory.
class CudaDevice final : public device::Device {
 public:
  // Opens the GPU of that number with LibTorch's stream of the calling thread, which computes.
  // Throws where LibTorch finds no such GPU.
  explicit CudaDevice(uint32_t events, uint32_t index = 0);
  // Waits for its own lanes.
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  std::byte* arena(uint64_t bytes) override;
  std::byte* staging(uint64_t bytes) override;
  void copy(device::Lane lane, std::byte* to, const std::byte* from, uint64_t bytes) override;
  void copy_at_once(std::byte* to, const std::byte* from, uint64_t bytes) override;
  void gather(device::Collective& collective, std::byte* base, uint64_t shard) override;
  void reduce_scatter(device::Collective& collective, std::byte* base, uint64_t shard,
                      device::Element element) override;
  void broadcast(device::Collective& collective, std::byte* base, uint64_t bytes,
                 uint32_t from) override;
  void all_reduce(device::Collective& collective, double* values, uint32_t count) override;
  void call(device::HostWork& work, uint32_t item) override;
  void record(device::Lane lane, uint32_t event, uint64_t occurrence) override;
  void wait(device::Lane lane, uint32_t event, uint64_t occurrence) override;
  void fail(device::Lane lane, std::exception_ptr failure) override;
  void synchronize(uint32_t event, uint64_t occurrence) override;

 private:
  struct FreeDevice {
    void operator()(std::byte* memory) const;
  };
  struct EndStream {
    void operator()(cudaStream_t stream) const;
  };
  struct EndEvent {
    void operator()(cudaEvent_t event) const;
  };
  // Memory page-locked for the device; it is unlocked before it is unmapped.
  class Staging {
   public:
    explicit Staging(uint64_t bytes);
    Staging(Staging&&) = default;
    Staging& operator=(Staging&&) = delete;
    ~Staging();
    std::byte* data() const { return memory_.data(); }

   private:
    device::Arena memory_;
  };
  template <class T, class End>
  using Owned = std::unique_ptr<std::remove_pointer_t<T>, End>;

  cudaStream_t stream(device::Lane lane) const;
  void use() const;
  // Keeps the first failure of the lane; for lane compute, which belongs to the caller, throws it.
  void keep(device::Lane lane, std::exception_ptr failure);
  // Calls f(stream) unless the lane failed; an error that f returns becomes the lane's failure.
  template <class F>
  void on(device::Lane lane, const char* what, F&& f);

  // Enqueues f(stream) on lane comm unless it failed; what f throws becomes the lane's failure.
  template <class F>
  void collect(F&& f);

  device::Worker& host();
  void wait_on_host(uint32_t event, uint64_t occurrence);

  int index_ = 0;
  cudaStream_t compute_ = nullptr;
  device::EventBoard board_;
  std::vector<Owned<cudaEvent_t, EndEvent>> events_;
  std::array<Owned<cudaStream_t, EndStream>, device::lanes> streams_;  // without lane compute's
  std::mutex beside_mutex_;                                            // of beside_
  Owned<cudaStream_t, EndStream> beside_;  // of copy_at_once, from its first call on
  Owned<std::byte*, FreeDevice> arena_;
  std::vector<Staging> staging_;
  std::array<std::exception_ptr, device::lanes>
      failures_;  // each for the thread that feeds the lane
  std::unique_ptr<std::atomic<device::Lane>[]> recorded_by_;  // by event: the last lane
  std::unique_ptr<HostEvents> host_events_;
  std::unique_ptr<device::Worker> host_;  // last: it uses the others
};

}  // namespace strata::torch
