// This finds the master weights of whole units on one rank.
#pragma once
#include <cstdint>
#include <vector>

#include "core/train/host_units.hpp"

namespace strata::app {

// Those in files are read, and those in bfloat16 widened, when they are asked for, and one unit's
// are in memory at a time.
class WholeMasters {
 public:
  WholeMasters(const train::HostUnits& host, const train::TrainingPlan& plan)
      : host_(host), plan_(plan) {}

  // The values last until the next call.
  const float* of(std::uint32_t unit);

 private:
  void widen(std::uint32_t unit);

  const train::HostUnits& host_;
  const train::TrainingPlan& plan_;
  std::uint32_t unit_ = train::no_unit;
  std::vector<float> values_;
};

}  // namespace strata::app
