// A device's memory and lanes for streaming; the arithmetic is run::Compute's.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>

#include "core/device/lane.hpp"

namespace strata::device {

// The host's clock, in seconds from an arbitrary moment.
inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Gathers the shards of all ranks: `base` holds ranks x `shard` bytes, this rank's in its place.
class Collective {
 public:
  virtual ~Collective() = default;
  virtual uint32_t rank() const = 0;
  virtual uint32_t ranks() const = 0;
  virtual void all_gather(std::byte* base, uint64_t shard) = 0;
};

// Work of the processor, by items.
class HostWork {
 public:
  virtual ~HostWork() = default;
  virtual void work(uint32_t item) = 0;
};

// The thread that computes feeds lanes copy, comm, back and host, the reader's thread lane io.
// Events are numbered from 0; occurrences of each are counted from 1. A lane that failed does
// nothing more, and its failure passes on to every waiter for its events.
class Device {
 public:
  virtual ~Device() = default;
  // Allocates the one arena; freed with the device.
  virtual std::byte* arena(uint64_t bytes) = 0;
  // Allocates host memory that lanes copy from at full speed, aligned to pages; freed with the
  // device.
  virtual std::byte* staging(uint64_t bytes) = 0;
  // Copies between host memory and the device, or within the device, on any lane but host.
  virtual void copy(Lane lane, std::byte* to, const std::byte* from, uint64_t bytes) = 0;
  // Gathers on lane comm.
  virtual void gather(Collective& collective, std::byte* base, uint64_t shard) = 0;
  // Calls work.work(item) on the thread of lane host; `work` outlives the device's work.
  virtual void call(HostWork& work, uint32_t item) = 0;
  virtual void record(Lane lane, uint32_t event, uint64_t occurrence) = 0;
  // The lane's later work begins after the event. For lane compute it throws the event's failure.
  virtual void wait(Lane lane, uint32_t event, uint64_t occurrence) = 0;
  // The lane's events fail from here on.
  virtual void fail(Lane lane, std::exception_ptr failure) = 0;
  // Writes to `at` the time, in seconds of now(), at which the lane's work up to here is done; a
  // device whose lanes cannot tell writes the time of the call.
  virtual void note(Lane, double* at) { *at = now(); }
  // Blocks the calling thread until the event's work is done; throws its failure.
  virtual void synchronize(uint32_t event, uint64_t occurrence) = 0;
};

}  // namespace strata::device
