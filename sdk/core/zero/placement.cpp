#include "core/zero/placement.hpp"

#include <strata/abi/model.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/size_text.hpp"
#include "core/zero/shard.hpp"

namespace strata::zero {
namespace {

// The run bytes of the units, with experts or of those that every pass runs.
uint64_t run_bytes(std::span<const Unit> units, bool experts) {
  uint64_t sum = 0;
  for (const auto& unit : units)
    if (experts || !unit.is_expert()) sum += unit.run_bytes;
  return sum;
}

// Whether that tier holds the unit's run form.
bool holds_run(const TierRoom& tier, const Unit& unit) {
  return !unit.expands || (!tier.in_place && unit.as_run);
}

// Puts the unit into the first tier with room.
Place into_tier(const Unit& unit, std::span<const TierRoom> tiers, std::vector<uint64_t>& left,
                uint32_t ranks) {
  uint64_t needed = unit.run_bytes;
  for (uint32_t t = 0; t < tiers.size(); ++t) {
    const bool as_run = holds_run(tiers[t], unit);
    const Place here{.tier = t, .as_run = as_run, .runs_in_tier = as_run && tiers[t].runs_units};
    needed = tiers[t].in_place ? 0 : held_bytes(unit, here);  // it is there already
    if (unit.kind != STRATA_UNIT_HEAD && !unit.whole) needed = shard_bytes(needed, ranks);
    if (needed > left[t]) continue;
    left[t] -= needed;
    return here;
  }
  const auto name = tiers.empty() ? std::string("device") : tiers.back().name;
  throw Error(
      "placement",
      "unit " + unit.name + " (" + size_text(needed) + ") fits neither the device nor tier " + name,
      "raise --device-memory or --host-memory, or use --offload auto");
}

// Chooses the units that stay on the device in `budget` bytes: evenly spread, by bytes.
std::vector<bool> spread(std::span<const Unit> units, uint64_t budget) {
  std::vector<bool> stays(units.size(), false);
  const uint64_t all = run_bytes(units, false);
  uint64_t seen = 0, held = 0;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i].is_expert()) continue;
    seen += units[i].run_bytes;
    // A unit stays where the bytes held with it are not above the line from (0,0) to (all, budget).
    const auto due =
        static_cast<double>(budget) * static_cast<double>(seen) / static_cast<double>(all);
    if (units[i].in_tier || held + units[i].run_bytes > budget ||
        static_cast<double>(held + units[i].run_bytes) > due)
      continue;
    stays[i] = true;
    held += units[i].run_bytes;
  }
  return stays;
}

// Chooses the units that stay where none streams: as many as there is room for, in their order.
std::vector<bool> fill(std::span<const Unit> units, uint64_t budget) {
  std::vector<bool> stays(units.size(), false);
  for (std::size_t i = 0; i < units.size(); ++i) {
    stays[i] = !units[i].in_tier && units[i].run_bytes <= budget;
    if (stays[i]) budget -= units[i].run_bytes;
  }
  return stays;
}

// Puts all units but those that stay into tiers.
Placement into_tiers(std::span<const Unit> units, std::span<const TierRoom> tiers,
                     const std::vector<bool>& stays, uint32_t ranks) {
  std::vector<uint64_t> left;
  for (const auto& tier : tiers) left.push_back(tier.capacity);
  Placement out;
  for (std::size_t i = 0; i < units.size(); ++i)
    out.push_back(stays[i] ? Place{} : into_tier(units[i], tiers, left, ranks));
  return out;
}

}  // namespace

uint64_t held_bytes(const Unit& unit, const Place& place) {
  return place.as_run ? unit.run_bytes : unit.stored_bytes;
}

uint64_t slot_bytes(const Unit& unit, const Place& place) {
  if (!place.streams()) return 0;
  return unit.run_bytes + (place.as_run ? 0 : unit.stored_bytes);
}

Placement place(std::span<const Unit> units, std::span<const TierRoom> tiers, uint64_t arena,
                bool fill_device, uint32_t ranks) {
  if (fill_device && run_bytes(units, true) <= arena) return Placement(units.size());
  const std::vector<bool> none(units.size(), false);
  if (std::ranges::any_of(tiers, &TierRoom::runs_units)) {
    auto out = into_tiers(units, tiers, fill_device ? fill(units, arena) : none, ranks);
    if (std::ranges::none_of(out, &Place::streams)) return out;
  }
  uint64_t largest = 0, expert = 0;
  bool streams = false;
  for (const auto& unit : units) {
    uint64_t here = unit.run_bytes;
    for (const auto& tier : tiers)
      if (!holds_run(tier, unit)) here = std::max(here, unit.run_bytes + unit.stored_bytes);
    auto& most = unit.is_expert() ? expert : largest;
    most = std::max(most, here);
    streams |= unit.in_tier;
  }
  // Where all units but the experts fit, nothing else streams.
  streams |= run_bytes(units, false) + 2 * expert > arena;
  const uint64_t ring = std::min(arena, 2 * (streams ? largest + expert : expert));
  return into_tiers(units, tiers, fill_device ? spread(units, arena - ring) : none, ranks);
}

}  // namespace strata::zero
