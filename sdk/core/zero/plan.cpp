#include "core/zero/plan.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/size_text.hpp"
#include "core/zero/shard.hpp"

namespace strata::zero {
namespace {

// A size with its exact bytes: an arena that is one byte short would read the same without them.
std::string exact_size(uint64_t bytes) {
  return size_text(bytes) + " (" + std::to_string(bytes) + " bytes)";
}

constexpr uint64_t slot_align = 4096;

uint64_t aligned(uint64_t bytes) { return (bytes + slot_align - 1) / slot_align * slot_align; }

bool streamed(const Place& place) { return place.tier != resident && place.device == 0; }

// Whether every pass brings the unit to a slot of the ring.
bool in_ring(const Unit& unit, const Place& place) { return streamed(place) && !unit.is_expert(); }

// A gather needs equal shards, so the form that arrives is as long as all of them.
uint64_t arriving(uint64_t bytes, uint32_t ranks) {
  return aligned(ranks * shard_bytes(bytes, ranks));
}

// The parts of a unit's slot, from 0.
Slot parts(const Unit& unit, const Place& place, Mode mode, uint32_t ranks) {
  Slot slot;
  uint64_t end = 0;
  slot.stored = not_held;
  if (place.stored) {
    slot.stored = end;
    end += arriving(unit.stored_bytes, ranks);
  }
  slot.run = end;
  end += place.stored ? aligned(unit.run_bytes) : arriving(unit.run_bytes, ranks);
  if (mode == Mode::backward) {
    slot.gradients = end;
    end += aligned(unit.run_bytes);
  }
  slot.bytes = end;
  return slot;
}

// As many slots as there are streamed experts; they have no place yet.
ExpertSlots expert_slots(std::span<const Unit> units, const Placement& placement, uint32_t ranks) {
  ExpertSlots out;
  uint64_t run_bytes = 0;
  for (std::size_t u = 0; u < units.size(); ++u) {
    const auto& unit = units[u];
    if (!unit.is_expert() || !streamed(placement[u])) continue;
    ++out.count;
    const bool stored = placement[u].stored;
    if (stored) out.run = std::max(out.run, arriving(unit.stored_bytes, ranks));
    run_bytes =
        std::max(run_bytes, stored ? aligned(unit.run_bytes) : arriving(unit.run_bytes, ranks));
  }
  out.bytes = out.run + run_bytes;
  return out;
}

void move_to(Slot& slot, uint64_t offset) {
  slot.offset = offset;
  slot.run += offset;
  if (slot.stored != not_held) slot.stored += offset;
  if (slot.gradients != not_held) slot.gradients += offset;
}

bool overlap(const Slot& a, const Slot& b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

// The units of the ring in the order in which they run.
std::vector<uint32_t> in_order(std::span<const Unit> units, const Placement& placement, Mode mode) {
  std::vector<uint32_t> out;
  for (uint32_t u = 0; u < placement.size(); ++u)
    if (in_ring(units[u], placement[u])) out.push_back(u);
  if (mode == Mode::backward) std::ranges::reverse(out);
  return out;
}

// Gives each streamed unit its place in the ring [from, to), one after the other, and starts again
// at the beginning where the end is too near.
void fill_ring(std::vector<Slot>& slots, std::span<const uint32_t> order, uint64_t from,
               uint64_t to) {
  uint64_t cursor = from;
  for (const auto u : order) {
    if (cursor + slots[u].bytes > to) cursor = from;
    move_to(slots[u], cursor);
    cursor += slots[u].bytes;
  }
}

// The lag of the k-th unit of `order`: the distance back (around the end of the pass) to the
// nearest unit whose slot overlaps its own, after whose release it may be fetched; at most back to
// itself.
std::size_t lag(const std::vector<Slot>& slots, std::span<const uint32_t> order, std::size_t k) {
  const auto n = order.size();
  for (std::size_t back = 1; back < n; ++back)
    if (overlap(slots[order[(k + n - back) % n]], slots[order[k]])) return back;
  return n;
}

struct Builder {
  const Placement& placement;
  const std::vector<bool>& file;
  Mode mode;
  uint32_t ranks;
  const std::vector<Slot>& slots;

  // Adds the actions that bring a unit: the fetch comes after the release of all units in its slot.
  void bring(std::vector<Action>& to, uint32_t u, std::vector<Wait> after) const {
    const auto& place = placement[u];
    to.push_back({Kind::fetch, file[place.tier] ? Lane::io : Lane::copy, u, std::move(after)});
    if (ranks > 1) to.push_back({Kind::gather, Lane::comm, u, {{u, Stage::fetched}}});
  }

  Stage arrived() const { return ranks > 1 ? Stage::gathered : Stage::fetched; }

  void use(std::vector<Action>& to, uint32_t u) const {
    const auto& place = placement[u];
    const auto run = mode == Mode::backward ? Kind::rerun : Kind::run;
    if (!streamed(place)) {
      to.push_back({run, Lane::compute, u, {}});
      return;
    }
    if (place.stored) to.push_back({Kind::expand, Lane::compute, u, {{u, arrived()}}});
    to.push_back({run, Lane::compute, u, {{u, place.stored ? Stage::ready : arrived()}}});
    to.push_back({Kind::release, Lane::compute, u, {}});
  }

  // The releases that a fetch of `u` must wait for: every unit whose slot overlaps its own, and `u`
  // itself.
  std::vector<Wait> evicted(std::span<const uint32_t> order, uint32_t u) const {
    std::vector<Wait> out;
    for (const auto other : order)
      if (overlap(slots[other], slots[u])) out.push_back({other, Stage::released});
    return out;
  }
};

}  // namespace

uint64_t least_arena(std::span<const Unit> units, const Placement& placement, Mode mode,
                     uint32_t ranks) {
  uint64_t fixed = 0, largest = 0;
  for (std::size_t u = 0; u < units.size(); ++u) {
    if (placement[u].tier == resident) fixed += aligned(units[u].run_bytes);
    if (in_ring(units[u], placement[u]))
      largest = std::max(largest, parts(units[u], placement[u], mode, ranks).bytes);
  }
  return fixed + largest + expert_slots(units, placement, ranks).bytes;
}

Plan plan_pass(std::span<const Unit> units, const Placement& placement,
               const std::vector<bool>& file, uint64_t budget, Mode mode, uint32_t ranks) {
  Plan plan;
  plan.wraps = mode == Mode::step;
  plan.slots.resize(units.size());
  for (std::size_t u = 0; u < units.size(); ++u) {
    if (placement[u].tier == resident) {
      plan.slots[u] = {.offset = plan.fixed, .bytes = 0, .stored = not_held, .run = plan.fixed};
      plan.fixed += aligned(units[u].run_bytes);
    } else if (in_ring(units[u], placement[u])) {
      plan.slots[u] = parts(units[u], placement[u], mode, ranks);
    }
  }
  const auto order = in_order(units, placement, mode);
  plan.experts = expert_slots(units, placement, ranks);
  const uint64_t beside = plan.fixed + plan.experts.bytes;  // outside of the ring
  uint64_t largest = 0;
  for (const auto u : order) {
    largest = std::max(largest, plan.slots[u].bytes);
    if (plan.slots[u].bytes > budget || beside > budget - plan.slots[u].bytes)
      throw Error("plan",
                  "unit " + units[u].name + " needs " + exact_size(beside + plan.slots[u].bytes) +
                      " of the arena, which has " + exact_size(budget),
                  "raise --device-memory");
  }
  if (order.empty() && beside > budget)
    throw Error("plan",
                std::string("the resident units") +
                    (plan.experts.count > 0 ? " and an expert" : "") + " need " +
                    exact_size(beside) + " of the arena, which has " + exact_size(budget),
                "raise --device-memory");
  if (plan.experts.count > 0) {
    const auto room =
        (budget - plan.fixed - std::min(2 * largest, budget - beside)) / plan.experts.bytes;
    const uint64_t most = order.empty() ? plan.experts.count : 2;
    plan.experts.count =
        static_cast<uint32_t>(std::min({uint64_t{plan.experts.count}, room, most}));
  }
  const uint64_t ring = budget - plan.experts.count * plan.experts.bytes;  // the ring's end
  fill_ring(plan.slots, order, plan.fixed, ring);
  plan.arena = plan.fixed;
  for (const auto u : order) {
    plan.arena = std::max(plan.arena, plan.slots[u].offset + plan.slots[u].bytes);
    const auto& unit = units[u];
    plan.moved += shard_bytes(held_bytes(unit, placement[u]), ranks);
  }
  plan.experts.offset = plan.arena;
  plan.arena += plan.experts.count * plan.experts.bytes;

  // Fetches are issued in order, each as soon as the units it evicts are released: the k-th of pass
  // n right after the release with the number n*N + k - lag(k), or a later one that an earlier
  // fetch waits for.
  const Builder build{placement, file, mode, ranks, plan.slots};
  const auto n = static_cast<int64_t>(order.size());
  std::vector<std::vector<std::pair<uint32_t, int64_t>>> after_release(
      order.size());  // unit, pass ahead
  for (int64_t pass = 0, latest = -1; pass < 2; ++pass) {
    for (int64_t k = 0; k < n; ++k) {
      const auto at = static_cast<std::size_t>(k);
      latest = std::max(latest, pass * n + k - static_cast<int64_t>(lag(plan.slots, order, at)));
      if (pass == 0 && latest < 0)
        build.bring(plan.prologue, order[at],
                    plan.wraps ? std::vector<Wait>{} : build.evicted(order, order[at]));
      else if (pass == 1 && mode == Mode::step && latest < n)
        after_release[static_cast<std::size_t>(latest)].push_back({order[at], 1});
      else if (pass == 0)
        after_release[static_cast<std::size_t>(latest)].push_back({order[at], 0});
    }
  }
  std::size_t k = 0;
  const auto count = static_cast<uint32_t>(units.size());
  for (uint32_t i = 0; i < count; ++i) {
    const auto u = mode == Mode::backward ? count - 1 - i : i;
    if (units[u].is_expert()) continue;  // brought and computed by its layer
    build.use(plan.pass, u);
    if (!streamed(placement[u])) continue;
    for (const auto& [next, ahead] : after_release[k])
      build.bring(plan.pass, next, build.evicted(order, next));
    ++k;
  }
  return plan;
}

}  // namespace strata::zero
