#include "core/zero/uses.hpp"

namespace strata::zero {

namespace {

Object weights_of(const Unit& unit, const Place& place, uint32_t index,
                  const std::vector<bool>& file) {
  Object out{.unit = index, .run = unit.run_bytes};
  if (place.tier == resident) {
    out.home = Object::Home::arena;
    return out;
  }
  out.lane = file[place.tier] ? Lane::io : Lane::copy;
  out.stored = !place.as_run ? unit.stored_bytes : 0;
  out.whole = unit.whole;
  if (place.runs_in_tier || unit.is_expert() || unit.run_bytes == 0)
    out.home = Object::Home::elsewhere;
  return out;
}

}  // namespace

Uses forward_uses(std::span<const Unit> units, const Placement& placement,
                  const std::vector<bool>& file) {
  Uses out;
  for (uint32_t u = 0; u < units.size(); ++u) {
    out.objects.push_back(weights_of(units[u], placement[u], u, file));
    if (!units[u].is_expert()) out.uses.push_back({.unit = u, .weights = u});
  }
  return out;
}

}  // namespace strata::zero
