// A backend without a machine: each lane is a clock, and each action advances one.
#pragma once
#include <array>
#include <vector>

#include "core/zero/backend.hpp"
#include "core/zero/simulate.hpp"

namespace strata::zero {

class VirtualClock : public Backend {
 public:
  // The plan, the units and the placement outlive the clock.
  VirtualClock(const Plan& plan, std::span<const Unit> units, const Placement& placement,
               Rates rates, uint32_t ranks = 1);

  void wait(Lane lane, const Event& event) override;
  void enqueue(const Action& action, const Slot& slot) override;
  void record(Lane lane, const Event& event) override;
  void finish() override {}

  const Timeline& timeline() const { return timeline_; }

 private:
  double seconds(const Action& action) const;

  const Plan& plan_;
  std::span<const Unit> units_;
  const Placement& placement_;
  Rates rates_;
  uint32_t ranks_;
  std::array<double, lanes> clock_{};
  std::vector<std::array<double, stages>> happened_;
  Timeline timeline_;
};

}  // namespace strata::zero
