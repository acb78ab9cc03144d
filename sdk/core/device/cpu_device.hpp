// A device in host memory: lanes copy, comm, back and host are worker threads, the last two from
// their first use on; io and compute run on the threads of their callers.
#pragma once
#include <array>
#include <memory>
#include <vector>

#include "core/device/arena.hpp"
#include "core/device/device.hpp"
#include "core/device/event_board.hpp"
#include "core/device/worker.hpp"

namespace strata::device {

class CpuDevice : public Device {
 public:
  explicit CpuDevice(uint32_t events);
  ~CpuDevice() override;

  std::byte* arena(uint64_t bytes) override;
  std::byte* staging(uint64_t bytes) override;
  void copy(Lane lane, std::byte* to, const std::byte* from, uint64_t bytes) override;
  void gather(Collective& collective, std::byte* base, uint64_t shard) override;
  void reduce_scatter(Collective& collective, std::byte* base, uint64_t shard,
                      Element element) override;
  void broadcast(Collective& collective, std::byte* base, uint64_t bytes, uint32_t from) override;
  void all_reduce(Collective& collective, double* values, uint32_t count) override;
  void call(HostWork& work, uint32_t item) override;
  void record(Lane lane, uint32_t event, uint64_t occurrence) override;
  void wait(Lane lane, uint32_t event, uint64_t occurrence) override;
  void fail(Lane lane, std::exception_ptr failure) override;
  void note(Lane lane, double* at) override;
  void synchronize(uint32_t event, uint64_t occurrence) override;

 private:
  // Null for a lane that runs on its caller's thread.
  Worker* worker(Lane lane);

  EventBoard board_;
  Arena arena_;
  std::vector<Arena> staging_;
  std::array<std::exception_ptr, lanes> failures_;  // of the lanes without a worker
  std::array<std::unique_ptr<Worker>, lanes> workers_;
};

}  // namespace strata::device
