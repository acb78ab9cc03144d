#include "core/zero/simulate.hpp"

#include <algorithm>

#include "core/zero/shard.hpp"

namespace strata::zero {

double duration(const Action& action, std::span<const Unit> units, const Placement& placement,
                const Rates& rates, uint32_t ranks) {
  const auto& unit = units[action.unit];
  const auto bytes = held_bytes(unit, placement[action.unit]);
  const auto shard = static_cast<double>(shard_bytes(bytes, ranks));
  switch (action.kind) {
    case Kind::fetch:
      return shard / (action.lane == Lane::io ? rates.disk : rates.link);
    case Kind::gather:
      return shard * (ranks - 1) / rates.network;
    case Kind::expand:
      return static_cast<double>(unit.stored_bytes + unit.run_bytes) / rates.expand;
    case Kind::run:
      return rates.run.empty() ? 0 : rates.run[action.unit];
    case Kind::rerun:
      return rates.run.empty() ? 0 : 3 * rates.run[action.unit];  // again, and two gradients
    case Kind::release:
      return 0;
  }
  return 0;
}

Timeline simulate(const Plan& plan, std::span<const Unit> units, const Placement& placement,
                  const Rates& rates, int passes, uint32_t ranks) {
  Timeline out;
  std::array<double, lanes> free{};  // the time when the lane has done all issued work
  std::vector<std::array<double, stages>> done(units.size());
  const auto issue = [&](const Action& action) {
    auto& lane = free[static_cast<std::size_t>(action.lane)];
    double begin = lane;
    for (const auto& wait : action.after)
      begin = std::max(begin, done[wait.unit][static_cast<std::size_t>(wait.stage)]);
    const double end = begin + duration(action, units, placement, rates, ranks);
    lane = end;
    out.busy[static_cast<std::size_t>(action.lane)] += end - begin;
    out.spans.push_back({action.kind, action.lane, action.unit, begin, end});
    out.end = std::max(out.end, end);
    if (action.kind == Kind::fetch)
      done[action.unit][static_cast<std::size_t>(Stage::fetched)] = end;
    if (action.kind == Kind::gather)
      done[action.unit][static_cast<std::size_t>(Stage::gathered)] = end;
    if (action.kind == Kind::expand)
      done[action.unit][static_cast<std::size_t>(Stage::ready)] = end;
    if (action.kind == Kind::release)
      done[action.unit][static_cast<std::size_t>(Stage::released)] = end;
  };
  for (int pass = 0; pass < passes; ++pass) {
    if (pass == 0 || !plan.wraps)
      for (const auto& action : plan.prologue) issue(action);
    for (const auto& action : plan.pass) issue(action);
  }
  return out;
}

}  // namespace strata::zero
