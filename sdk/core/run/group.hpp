// The processes of one run: their messages, their data, and the watch over them.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/device/device.hpp"
#include "core/run/ranks.hpp"

namespace strata::run {

// Messages between the processes on the CPU, apart from the data. One thread at a time calls it;
// all ranks make the same calls in the same order.
class Control {
 public:
  virtual ~Control() = default;
  // Returns the texts of all ranks, by rank.
  virtual std::vector<std::string> all_gather(std::string_view mine) = 0;
  // Returns rank 0's text on all ranks.
  virtual std::string broadcast(std::string_view mine) = 0;
};

// Why a group is over: which rank, and what happened to it.
struct Lost {
  uint32_t rank = 0;
  std::string reason;
};

struct GroupOptions {
  Ranks ranks;
  std::string device;                          // "cpu", "cuda:1": where the data lie
  std::chrono::milliseconds heartbeat{3'000};  // a rank without one for so long is lost
  std::chrono::milliseconds stall{600'000};    // a rank without progress for so long is named
  // Called once, on the group's own thread, with the same words on all ranks; the process ends in
  // it, since other threads may be in a collective that never ends. The rank that calls fail() has
  // no call of its own.
  std::function<void(const Lost&)> on_lost;
};

// Made when all ranks have joined. A collective that a lost rank broke waits for the reason, so
// that no rank reports its neighbor's end as its own failure.
class Group {
 public:
  // Says good-bye: an orderly end is no loss. Rank 0 waits for the others' good-byes. Where an
  // exception is under way, it fails instead.
  virtual ~Group() = default;
  virtual const Ranks& ranks() const = 0;
  virtual Control& control() = 0;
  virtual device::Collective& data() = 0;
  // Says what this rank does now: `count` passes or steps are begun, it is in that unit. Cheap, on
  // any thread. From the first call of any rank on, each must call it within `stall`.
  virtual void progress(uint64_t count, uint32_t unit) = 0;
  // Tells all ranks that this one ends with an error; they end with its words. Returns when the
  // words are where the others read them, after two seconds at most. Later calls do nothing.
  virtual void fail(std::string_view reason) = 0;
};

// Exported by libstrata-torch under the name "strata_open_group" for CPUs, by libstrata-torch-cuda
// under the name "strata_open_cuda_group" for GPUs. Throws where the ranks do not meet.
using OpenGroup = std::unique_ptr<Group>(const GroupOptions&);

}  // namespace strata::run
