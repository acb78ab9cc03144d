// Rank 0 while it writes what all ranks have trained, and the others, which give it their parts of
// the weights.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include "core/run/group.hpp"

namespace strata::app {

// Gathers a unit's values from all ranks, which call it for the same units in the same order; they
// last until the next call.
using GatherUnit = std::function<std::span<const float>(std::uint32_t unit)>;

// Rank 0's side. It names each unit that it needs to the others, and all gather it. While it lives,
// nobody else uses the group's control; one thread uses it.
class WritingRank {
 public:
  WritingRank(run::Group& group, GatherUnit gather)
      : control_(group.control()), gather_(std::move(gather)) {}

  // The unit's values, until the next call.
  const float* values(std::uint32_t unit);
  // Called now and then while it writes: tells the others that it still does, where no message went
  // for some seconds, so that nobody takes the wait for a stall.
  void still_writing();
  // Lets the others go on. Called once, when all is written.
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  void say(std::string_view message);

  run::Control& control_;
  GatherUnit gather_;
  Clock::time_point said_ = Clock::now();
  std::uint32_t unit_ = ~std::uint32_t{0};  // whose values are here
  const float* values_ = nullptr;
};

// The other ranks' side: gathers the units that rank 0 names, and returns when it ends.
void follow_writing(run::Group& group, const GatherUnit& gather);

}  // namespace strata::app
