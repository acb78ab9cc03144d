// A GPU's memory and lanes. Lane compute is the stream that LibTorch computes on, the others are
// streams of their own; only events order them.
#pragma once
#include <cuda_runtime_api.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/tier/arena.hpp"
#include "core/zero/device.hpp"
#include "core/zero/event_board.hpp"

namespace strata::torch {

// [Note: events]
// A thread can wait for an event before it is recorded: the reader's thread records those of lane
// io while the computing thread runs ahead. CUDA would let such a wait pass, so the board knows the
// occurrences that were *issued*, and a wait blocks its thread until then; the stream waits for the
// work. A new record of an event replaces the work that later waits refer to. By the plan's order a
// unit's stage happens again only after all waits for the earlier occurrence were issued.
class CudaDevice final : public zero::Device {
 public:
  // Opens device 0 with LibTorch's stream of the calling thread, which computes. Throws where
  // LibTorch finds no GPU.
  explicit CudaDevice(uint32_t events);
  // Waits for its own lanes.
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  std::byte* arena(uint64_t bytes) override;
  std::byte* staging(uint64_t bytes) override;
  void copy(zero::Lane lane, std::byte* to, const std::byte* from, uint64_t bytes) override;
  // Refuses: collectives run in host memory for now.
  void gather(zero::Collective& collective, std::byte* base, uint64_t shard) override;
  void record(zero::Lane lane, uint32_t event, uint64_t occurrence) override;
  void wait(zero::Lane lane, uint32_t event, uint64_t occurrence) override;
  void fail(zero::Lane lane, std::exception_ptr failure) override;
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
    tier::Arena memory_;
  };
  template <class T, class End>
  using Owned = std::unique_ptr<std::remove_pointer_t<T>, End>;

  cudaStream_t stream(zero::Lane lane) const;
  void use() const;
  // Keeps the first failure of the lane; for lane compute, which belongs to the caller, throws it.
  void keep(zero::Lane lane, std::exception_ptr failure);
  // Calls f(stream) unless the lane failed; an error that f returns becomes the lane's failure.
  template <class F>
  void on(zero::Lane lane, const char* what, F&& f);

  int index_ = 0;
  cudaStream_t compute_ = nullptr;
  zero::EventBoard board_;
  std::vector<Owned<cudaEvent_t, EndEvent>> events_;
  std::array<Owned<cudaStream_t, EndStream>, zero::lanes> streams_;  // without lane compute's
  Owned<std::byte*, FreeDevice> arena_;
  std::vector<Staging> staging_;
  std::array<std::exception_ptr, zero::lanes> failures_;  // each for the thread that feeds the lane
};

}  // namespace strata::torch
