// Random units, placements and budgets for tests of the scheduler; the same for the same seed.
#pragma once
#include <random>
#include <string>
#include <vector>

#include "core/zero/plan.hpp"

namespace strata::zero {

struct RandomCase {
  std::vector<Unit> units;
  Placement placement;
  std::vector<bool> file{false, true, true};  // tier 0 copies, 1 and 2 read files, 2 in stored form
  uint64_t budget = 0;
  uint32_t ranks = 1;
};

inline RandomCase random_case(uint32_t seed, bool several_ranks = true) {
  std::mt19937 random(seed);
  const auto up_to = [&](uint32_t n) { return static_cast<uint32_t>(random() % (n + 1)); };
  RandomCase out;
  out.ranks = several_ranks ? 1 + up_to(3) : 1;
  const uint32_t count = 1 + up_to(11), streamed = up_to(4);
  for (uint32_t u = 0; u < count; ++u) {
    Unit unit;
    unit.name = "unit " + std::to_string(u);
    unit.run_bytes = 1 + up_to(200'000);
    unit.expands = up_to(1) == 1;
    unit.stored_bytes = unit.expands ? 1 + up_to(100'000) : unit.run_bytes;
    unit.whole = up_to(3) == 0;
    out.units.push_back(unit);
    Place place;
    if (up_to(4) <= streamed) place.tier = up_to(2);
    place.as_run = place.tier != 2 || !unit.expands;
    place.runs_in_tier = place.tier == 0 && up_to(7) == 0;
    out.placement.push_back(place);
  }
  out.budget =
      least_arena(out.units, out.placement, out.ranks) + uint64_t{up_to(3)} * up_to(300'000);
  return out;
}

}  // namespace strata::zero
