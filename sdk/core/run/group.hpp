// The processes of a run on several ranks: messages, data, and the end of all where one is lost.
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
  std::string device;                          // where the data lie: "cpu", "cuda:1"
  std::chrono::milliseconds heartbeat{3'000};  // a rank without one for so long is lost
  std::chrono::milliseconds stall{600'000};    // a rank that makes no progress for so long is named
  std::function<void(const Lost&)> on_lost;    // called once, on the group's own thread; the
                                               // process ends in it
};

class Group {
 public:
  virtual ~Group() = default;  // says good-bye: an orderly end is no loss
  virtual const Ranks& ranks() const = 0;
  virtual Control& control() = 0;
  virtual device::Collective& data() = 0;
  // The work of this rank now, for the message about a stall; cheap, any thread.
  virtual void progress(uint64_t count, uint32_t unit) = 0;
  // Tells all ranks that this one ends with an error; they end with its words.
  virtual void fail(std::string_view reason) = 0;
};

// Exported by libstrata-torch under the name "strata_open_group": returns when all ranks have
// joined.
using OpenGroup = std::unique_ptr<Group>(const GroupOptions&);

}  // namespace strata::run
