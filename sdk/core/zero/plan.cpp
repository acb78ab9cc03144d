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
  if (!place.as_run) {
    slot.stored = end;
    end += arriving(unit.stored_bytes, ranks);
  }
  slot.run = end;
  end += place.as_run ? arriving(unit.run_bytes, ranks) : aligned(unit.run_bytes);
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
    const bool stored = !placement[u].as_run;
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

// All that a plan is made from.
struct Input {
  std::span<const Unit> units;
  const Placement& placement;
  const std::vector<bool>& file;
  uint64_t budget;
  Mode mode;
  uint32_t ranks;
};

// Gives the residents their places at the arena's beginning, and the units of the ring the parts of
// their slots, which have no place yet.
void size_slots(Plan& plan, const Input& in) {
  plan.slots.resize(in.units.size());
  for (std::size_t u = 0; u < in.units.size(); ++u) {
    if (in.placement[u].tier == resident) {
      plan.slots[u] = {.offset = plan.fixed, .bytes = 0, .stored = not_held, .run = plan.fixed};
      plan.fixed += aligned(in.units[u].run_bytes);
    } else if (in_ring(in.units[u], in.placement[u])) {
      plan.slots[u] = parts(in.units[u], in.placement[u], in.mode, in.ranks);
    }
  }
}

// Refuses a budget that has no room for the residents, one expert slot and the largest slot of the
// ring.
void check_budget(const Plan& plan, const Input& in, std::span<const uint32_t> order) {
  const uint64_t beside = plan.fixed + plan.experts.bytes;  // outside of the ring
  for (const auto u : order)
    if (plan.slots[u].bytes > in.budget || beside > in.budget - plan.slots[u].bytes)
      throw Error("plan",
                  "unit " + in.units[u].name + " needs " +
                      exact_size(beside + plan.slots[u].bytes) + " of the arena, which has " +
                      exact_size(in.budget),
                  "raise --device-memory");
  if (order.empty() && beside > in.budget)
    throw Error("plan",
                std::string("the resident units") +
                    (plan.experts.count > 0 ? " and an expert" : "") + " need " +
                    exact_size(beside) + " of the arena, which has " + exact_size(in.budget),
                "raise --device-memory");
}

// The number of expert slots that the budget allows: two at most beside a ring of two of its
// largest slots, else as many as there is room for.
uint32_t expert_count(const Plan& plan, std::span<const uint32_t> order, uint64_t budget) {
  if (plan.experts.count == 0) return 0;
  uint64_t largest = 0;
  for (const auto u : order) largest = std::max(largest, plan.slots[u].bytes);
  const uint64_t beside = plan.fixed + plan.experts.bytes;
  const auto room =
      (budget - plan.fixed - std::min(2 * largest, budget - beside)) / plan.experts.bytes;
  const uint64_t most = order.empty() ? plan.experts.count : 2;
  return static_cast<uint32_t>(std::min({uint64_t{plan.experts.count}, room, most}));
}

// Gives the slots of the ring and those of the experts, whose number is known, their places.
void place_slots(Plan& plan, const Input& in, std::span<const uint32_t> order) {
  const uint64_t experts = plan.experts.count * plan.experts.bytes;
  fill_ring(plan.slots, order, plan.fixed, in.budget - experts);
  plan.arena = plan.fixed;
  for (const auto u : order)
    plan.arena = std::max(plan.arena, plan.slots[u].offset + plan.slots[u].bytes);
  plan.experts.offset = plan.arena;
  plan.arena += experts;
}

// Makes the actions of a plan whose slots have their places.
class Issue {
 public:
  Issue(Plan& plan, const Input& in, std::span<const uint32_t> order)
      : plan_(plan), in_(in), order_(order) {}

  void actions() {
    const auto next = fetches();
    std::size_t k = 0;
    const auto count = static_cast<uint32_t>(in_.units.size());
    for (uint32_t i = 0; i < count; ++i) {
      const auto u = in_.mode == Mode::backward ? count - 1 - i : i;
      if (in_.units[u].is_expert()) continue;  // brought and computed by its layer
      use(u);
      if (!streamed(in_.placement[u])) continue;
      for (const auto other : next[k]) bring(plan_.pass, other, evicted(other));
      ++k;
    }
  }

 private:
  // Fills the prologue, and returns the units to fetch after the k-th release. Fetches are issued
  // in order, each as soon as the units it evicts are released: the k-th of pass n right after the
  // release with the number n*N + k - lag(k), or a later one that an earlier fetch waits for.
  std::vector<std::vector<uint32_t>> fetches() {
    const auto n = static_cast<int64_t>(order_.size());
    std::vector<std::vector<uint32_t>> out(order_.size());
    for (int64_t pass = 0, latest = -1; pass < 2; ++pass) {
      for (int64_t k = 0; k < n; ++k) {
        const auto at = static_cast<std::size_t>(k);
        latest =
            std::max(latest, pass * n + k - static_cast<int64_t>(lag(plan_.slots, order_, at)));
        const auto u = order_[at];
        if (pass == 0 && latest < 0)
          bring(plan_.prologue, u, plan_.wraps ? std::vector<Wait>{} : evicted(u));
        else if (pass == 0 || (in_.mode == Mode::step && latest < n))
          out[static_cast<std::size_t>(latest)].push_back(u);
      }
    }
    return out;
  }

  // Adds the actions that bring a unit: the fetch comes after the release of all units in its slot.
  void bring(std::vector<Action>& to, uint32_t u, std::vector<Wait> after) const {
    const auto lane = in_.file[in_.placement[u].tier] ? Lane::io : Lane::copy;
    to.push_back({Kind::fetch, lane, u, std::move(after)});
    if (in_.ranks > 1) to.push_back({Kind::gather, Lane::comm, u, {{u, Stage::fetched}}});
  }

  Stage arrived() const { return in_.ranks > 1 ? Stage::gathered : Stage::fetched; }

  // Adds the actions that run a unit and then release its slot.
  void use(uint32_t u) {
    auto& to = plan_.pass;
    const auto& place = in_.placement[u];
    const auto run = in_.mode == Mode::backward ? Kind::rerun : Kind::run;
    if (!streamed(place)) {
      to.push_back({run, Lane::compute, u, {}});
      return;
    }
    if (!place.as_run) to.push_back({Kind::expand, Lane::compute, u, {{u, arrived()}}});
    to.push_back({run, Lane::compute, u, {{u, place.as_run ? arrived() : Stage::ready}}});
    to.push_back({Kind::release, Lane::compute, u, {}});
  }

  // The releases that a fetch of `u` must wait for: every unit whose slot overlaps its own, and `u`
  // itself.
  std::vector<Wait> evicted(uint32_t u) const {
    std::vector<Wait> out;
    for (const auto other : order_)
      if (overlap(plan_.slots[other], plan_.slots[u])) out.push_back({other, Stage::released});
    return out;
  }

  Plan& plan_;
  const Input& in_;
  std::span<const uint32_t> order_;
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
  const Input in{units, placement, file, budget, mode, ranks};
  const auto order = in_order(units, placement, mode);
  Plan plan;
  plan.wraps = mode == Mode::step;
  size_slots(plan, in);
  plan.experts = expert_slots(units, placement, ranks);
  check_budget(plan, in, order);
  plan.experts.count = expert_count(plan, order, budget);
  place_slots(plan, in, order);
  for (const auto u : order) plan.moved += shard_bytes(held_bytes(units[u], placement[u]), ranks);
  Issue(plan, in, order).actions();
  return plan;
}

}  // namespace strata::zero
