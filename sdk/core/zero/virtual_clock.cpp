#include "core/zero/virtual_clock.hpp"

#include <algorithm>
#include <utility>

#include "core/zero/shard.hpp"

namespace strata::zero {

VirtualClock::VirtualClock(const Plan& plan, std::span<const Unit> units,
                           const Placement& placement, Rates rates, uint32_t ranks)
    : plan_(plan), units_(units), placement_(placement), rates_(std::move(rates)), ranks_(ranks),
      happened_(plan.objects.size()) {}

void VirtualClock::wait(Lane lane, const Event& event) {
  auto& clock = clock_[static_cast<std::size_t>(lane)];
  clock = std::max(clock, happened_[event.object][static_cast<std::size_t>(event.stage)]);
}

void VirtualClock::enqueue(const Action& action, const Slot&) {
  auto& clock = clock_[static_cast<std::size_t>(action.lane)];
  const double begin = clock;
  clock += seconds(action);
  timeline_.busy[static_cast<std::size_t>(action.lane)] += clock - begin;
  timeline_.spans.push_back({action.kind, action.lane, action.unit, begin, clock});
  timeline_.end = std::max(timeline_.end, clock);
}

void VirtualClock::record(Lane lane, const Event& event) {
  happened_[event.object][static_cast<std::size_t>(event.stage)] =
      clock_[static_cast<std::size_t>(lane)];
}

// The time that one action takes on its lane.
double VirtualClock::seconds(const Action& action) const {
  const auto& unit = units_[action.unit];
  const auto& object = plan_.objects[action.object];
  const bool weights = object.kind == Object::Kind::weights;
  const auto bytes = weights ? held_bytes(unit, placement_[action.unit]) : object.run;
  const bool cut = (weights || object.kind == Object::Kind::gradient) && !object.whole;
  const auto shard = static_cast<double>(cut ? shard_bytes(bytes, ranks_) : bytes);
  switch (action.kind) {
    case Kind::fetch:
      return shard / (action.lane == Lane::io ? rates_.disk : rates_.link);
    case Kind::store:
      return shard / rates_.back;
    case Kind::reduce:
      return shard / rates_.memory;
    case Kind::update: {
      const auto gradient = plan_.uses[action.use].gradient;
      if (gradient == no_object) return 0;
      const auto& made = plan_.objects[gradient];
      const auto all = made.whole ? made.run : shard_bytes(made.run, ranks_);
      return static_cast<double>(all) * rates_.update / rates_.memory;
    }
    case Kind::gather:
      return shard * (ranks_ - 1) / rates_.network;
    case Kind::scatter:  // the sums of a gradient that stays whole are gathered again
      return static_cast<double>(shard_bytes(bytes, ranks_)) * (ranks_ - 1) *
             (object.whole ? 2 : 1) / rates_.network;
    case Kind::expand:
      return static_cast<double>(unit.stored_bytes + unit.run_bytes) / rates_.expand;
    case Kind::run:
      return rates_.run.empty() ? 0 : rates_.run[action.unit];
    case Kind::rerun:
      return rates_.run.empty() ? 0 : 3 * rates_.run[action.unit];  // again, and two gradients
    case Kind::release:
      return 0;
  }
  return 0;
}

}  // namespace strata::zero
