// Rank 0 writes here what all ranks have trained, and the others give it their parts of the
// weights.
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

// This is rank 0's side. It names each unit that it needs to the others, and all gather it. While
// it lives, nobody else uses the group's control; one thread uses it.
class WritingRank {
 public:
  WritingRank(run::Group& group, GatherUnit gather)
      : control_(group.control()), gather_(std::move(gather)) {}

  // Returns the unit's values, which last until the next call.
  const float* values(std::uint32_t unit);
  // It is called now and then while rank 0 writes. It tells the others so where no message went for
  // some seconds, so that nobody takes their wait for a stall.
  void still_writing();
  // Lets the others go on. It is called once, when all is written.
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

// This is the other ranks' side: it gathers the units that rank 0 names, and returns when rank 0
// ends.
void follow_writing(run::Group& group, const GatherUnit& gather);

}  // namespace strata::app
