#include "core/zero/virtual_clock.hpp"

#include <algorithm>
#include <utility>

namespace strata::zero {

VirtualClock::VirtualClock(std::span<const Unit> units, const Placement& placement, Rates rates,
                           uint32_t ranks)
    : units_(units), placement_(placement), rates_(std::move(rates)), ranks_(ranks),
      happened_(units.size()) {}

void VirtualClock::wait(Lane lane, const Event& event) {
  auto& clock = clock_[static_cast<std::size_t>(lane)];
  clock = std::max(clock, happened_[event.unit][static_cast<std::size_t>(event.stage)]);
}

void VirtualClock::enqueue(const Action& action, const Slot&) {
  auto& clock = clock_[static_cast<std::size_t>(action.lane)];
  const double begin = clock;
  clock += duration(action, units_, placement_, rates_, ranks_);
  timeline_.busy[static_cast<std::size_t>(action.lane)] += clock - begin;
  timeline_.spans.push_back({action.kind, action.lane, action.unit, begin, clock});
  timeline_.end = std::max(timeline_.end, clock);
}

void VirtualClock::record(Lane lane, const Event& event) {
  happened_[event.unit][static_cast<std::size_t>(event.stage)] =
      clock_[static_cast<std::size_t>(lane)];
}

}  // namespace strata::zero
