// A device's memory and lanes for streaming; the arithmetic is run::Compute's.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string_view>

#include "core/device/lane.hpp"

namespace strata::device {

// The host's clock, in seconds from an arbitrary moment.
inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The numbers that ranks add.
enum class Element : uint8_t { float32, bfloat16 };
constexpr uint64_t bytes_of(Element element) { return element == Element::float32 ? 4 : 2; }

// A stream of the device (cudaStream_t), on which work is enqueued; null on a CPU, where a
// collective returns when its work is done.
using Stream = void*;

// The calls of a collective that have returned, and the bytes of their whole arrays: of all ranks'
// shards.
struct Collected {
  struct Calls {
    uint64_t calls = 0, bytes = 0;
  };
  std::string_view library;  // that moves the data
  Calls all_gather, reduce_scatter, all_reduce;
};

// Moves data among ranks, or takes one rank's through the same calls. All ranks make the same calls
// in the same order, each on one thread at a time; all_reduce may run on another thread beside the
// others. A call that a lost rank leaves without an end throws, or the group ends the process.
class Collective {
 public:
  virtual ~Collective() = default;
  virtual uint32_t rank() const = 0;
  virtual uint32_t ranks() const = 0;
  // `base` holds ranks x `shard` bytes, this rank's in its place; the others' arrive in theirs.
  virtual void all_gather(std::byte* base, uint64_t shard, Stream stream) = 0;
  // `base` holds this rank's addends to all shards, each of `shard` bytes; this rank's shard
  // becomes the sum over all ranks, and the other shards are undefined. The order of a sum depends
  // on the number of ranks and their machines alone, so that every run has the same bits.
  virtual void reduce_scatter(std::byte* base, uint64_t shard, Element element, Stream stream) = 0;
  // The bytes of rank `from` arrive on all others.
  virtual void broadcast(std::byte* base, uint64_t bytes, uint32_t from, Stream stream) = 0;
  // Sums, in the order of the ranks, a few numbers in host memory; blocks.
  virtual void all_reduce(double* values, uint32_t count) = 0;
  // What it counts of itself; on any thread.
  virtual Collected collected() const { return {}; }
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
  // Copies beside all lanes, on any thread, and returns when it is done; nothing else uses the
  // memory meanwhile.
  virtual void copy_at_once(std::byte* to, const std::byte* from, uint64_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  // Calls collective.all_gather on lane comm; so do the next two with its other calls.
  virtual void gather(Collective& collective, std::byte* base, uint64_t shard) = 0;
  virtual void reduce_scatter(Collective& collective, std::byte* base, uint64_t shard,
                              Element element) = 0;
  virtual void broadcast(Collective& collective, std::byte* base, uint64_t bytes,
                         uint32_t from) = 0;
  // Calls collective.all_reduce on the thread of lane host.
  virtual void all_reduce(Collective& collective, double* values, uint32_t count) = 0;
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
