// The master weights of whole units, also where ranks have cut them.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/device/device.hpp"
#include "core/train/host_units.hpp"
#include "core/train/prepare.hpp"

namespace strata::train {

// Used while no step is under way, on the computing thread.
class WholeUnits {
 public:
  // Everything outlives it; `collective` is null without a group. `room` is memory of the device
  // that nobody uses meanwhile: the parts of all ranks go through it, piece by piece. `event` is
  // the device's, and of nobody else.
  WholeUnits(const TrainingPlan& plan, const HostUnits& host, device::Device& device,
             device::Collective* collective, std::span<std::byte> room, uint32_t event);

  // All elements of a unit's flat array, until the next call. Those that are not in memory whole
  // are kept for calls with the same unit. Ranks call it together, for the same units in the same
  // order.
  std::span<const float> masters(uint32_t unit);
  // The states have changed.
  void forget() { unit_ = no_unit; }

 private:
  void read(uint32_t unit, uint64_t first, std::span<float> out) const;
  void gather(uint32_t unit);

  const TrainingPlan& plan_;
  const HostUnits& host_;
  device::Device& device_;
  device::Collective* collective_;
  std::span<std::byte> room_;
  uint32_t event_;
  uint64_t gathers_ = 0;
  uint32_t unit_ = no_unit;  // whose values are here
  std::vector<float> values_;
};

}  // namespace strata::train
