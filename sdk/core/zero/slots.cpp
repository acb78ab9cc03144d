#include "core/zero/slots.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"
#include "core/size_text.hpp"
#include "core/zero/shard.hpp"

namespace strata::zero {
namespace {

using Home = Object::Home;

// A size with its exact bytes: an arena that is one byte short would read the same without them.
std::string exact_size(uint64_t bytes) {
  return size_text(bytes) + " (" + std::to_string(bytes) + " bytes)";
}

constexpr uint64_t slot_align = 4096;

uint64_t aligned(uint64_t bytes) { return (bytes + slot_align - 1) / slot_align * slot_align; }

// A gather needs equal shards, so the form that arrives is as long as all of them.
uint64_t arriving(uint64_t bytes, uint32_t ranks) {
  return aligned(ranks * shard_bytes(bytes, ranks));
}

// The bytes of the form of an object that is fetched: shards, if it is gathered.
uint64_t arriving(const Object& object, uint64_t bytes, uint32_t ranks) {
  return arriving(bytes, object.whole ? 1 : ranks);
}

bool has_place(const Object& object) {
  return object.home == Home::arena || object.home == Home::kept || object.home == Home::packed;
}

// Whether the object is needed between passes: such objects have the same places in every plan
// over them.
bool lasts(const Object& object) {
  return object.kind == Object::Kind::weights || object.kind == Object::Kind::states;
}

// Bytes of an object in a place of its own: both forms, where it is expanded after each fetch.
uint64_t own_bytes(const Object& object, uint32_t ranks) {
  if (object.home == Home::arena) return aligned(object.run);
  if (object.home == Home::packed) return aligned(object.stored);
  return object.stored > 0 ? arriving(object, object.stored, ranks) + aligned(object.run)
                           : arriving(object, object.run, ranks);
}

// Whether the object's other form has slots beside its own place.
bool is_packed(uint32_t object, std::span<const Object> objects) {
  return object != no_object && objects[object].home == Home::packed;
}

bool in_ring(uint32_t object, std::span<const Object> objects) {
  return object != no_object && objects[object].home == Home::tier;
}

// The parts of a use's slot, from 0; without its weights, where they are still in another one.
Slot slot_of(const Use& use, std::span<const Object> objects, uint32_t ranks, bool weights) {
  Slot slot;
  uint64_t end = 0;
  if (weights && in_ring(use.weights, objects) && objects[use.weights].run > 0) {
    const auto& what = objects[use.weights];
    slot.brings = true;
    if (what.stored > 0) {
      slot.stored = end;
      end += arriving(what, what.stored, ranks);
    }
    slot.run = end;
    end += what.stored > 0 ? aligned(what.run) : arriving(what, what.run, ranks);
  }
  if (weights && is_packed(use.weights, objects)) {
    slot.brings = true;
    slot.run = end;
    end += aligned(objects[use.weights].run);
  }
  if (in_ring(use.input, objects)) {
    slot.input = end;
    end += aligned(objects[use.input].run);
  }
  if (in_ring(use.gradient, objects)) {
    slot.gradient = end;
    end += aligned(objects[use.gradient].run);
  }
  slot.bytes = end;
  return slot;
}

// Gives each use's slot its place in the ring [from, to), one after the other, and starts again at
// the beginning where the end is too near. Weights whose place a slot takes are gone; others are
// used where they are.
class Ring {
 public:
  Ring(Plan& plan, uint64_t from, uint64_t to, uint32_t ranks)
      : plan_(plan), from_(from), to_(to), ranks_(ranks), cursor_(from),
        there_(plan.objects.size(), nowhere) {}

  void place(uint32_t index) {
    const auto& use = plan_.uses[index];
    auto& slot = plan_.slots[index];
    const auto before = use.weights == no_object ? nowhere : there_[use.weights];
    if (before != nowhere) {
      slot = slot_of(use, plan_.objects, ranks_, false);
      const auto at = next(slot.bytes);
      const auto& held = plan_.slots[before];
      if (!(at < held.offset + held.bytes && held.offset < at + slot.bytes)) {
        slot.stored = held.stored;
        slot.run = held.run;
        take(slot, at);
        return;
      }
    }
    slot = slot_of(use, plan_.objects, ranks_, true);
    if (slot.bytes == 0) return;
    take(slot, next(slot.bytes));
    if (slot.brings) there_[use.weights] = index;
  }

 private:
  static constexpr uint32_t nowhere = ~uint32_t{0};

  uint64_t next(uint64_t bytes) const { return cursor_ + bytes > to_ ? from_ : cursor_; }

  void take(Slot& slot, uint64_t at) {
    if (slot.bytes == 0) return;
    move_to(slot, at);
    cursor_ = at + slot.bytes;
    for (auto& use : there_)
      if (use != nowhere && overlap(plan_.slots[use], slot)) use = nowhere;
  }

  static void move_to(Slot& slot, uint64_t offset) {
    slot.offset = offset;
    auto parts = {&slot.input, &slot.gradient, &slot.stored, &slot.run};
    for (auto* part : std::span(parts.begin(), slot.brings ? 4 : 2))
      if (*part != not_held) *part += offset;
  }

  Plan& plan_;
  uint64_t from_, to_;
  uint32_t ranks_;
  uint64_t cursor_;
  std::vector<uint32_t> there_;  // by object: the use in whose slot its weights are
};

// Refuses a budget that has no room for the fixed places, one expert slot and the largest slot of
// the ring.
void check_budget(const Plan& plan, std::span<const Unit> units, std::span<const uint32_t> order,
                  uint64_t budget) {
  const uint64_t beside = plan.fixed + plan.experts.bytes;  // outside of the ring
  for (const auto use : order)
    if (plan.slots[use].bytes > budget || beside > budget - plan.slots[use].bytes)
      throw Error("plan",
                  "unit " + units[plan.uses[use].unit].name + " needs " +
                      exact_size(beside + plan.slots[use].bytes) + " of the arena, which has " +
                      exact_size(budget),
                  "raise --device-memory");
  if (order.empty() && beside > budget)
    throw Error("plan",
                std::string("the resident units") +
                    (plan.experts.count > 0 ? " and an expert" : "") + " need " +
                    exact_size(beside) + " of the arena, which has " + exact_size(budget),
                "raise --device-memory");
}

// The number of expert slots that the budget allows: two at most beside a ring of two of its
// largest slots, else as many as there is room for.
uint32_t expert_count(const Plan& plan, std::span<const uint32_t> order, uint64_t budget) {
  if (plan.experts.count == 0) return 0;
  uint64_t largest = 0;
  for (const auto use : order) largest = std::max(largest, plan.slots[use].bytes);
  const uint64_t beside = plan.fixed + plan.experts.bytes;
  const auto room =
      (budget - plan.fixed - std::min(2 * largest, budget - beside)) / plan.experts.bytes;
  const uint64_t most = order.empty() ? plan.experts.count : 2;
  return static_cast<uint32_t>(std::min({uint64_t{plan.experts.count}, room, most}));
}

// Points the slots to the objects that have places of their own. Those that are kept are brought
// for their first use.
void use_homes(Plan& plan, uint32_t ranks) {
  std::vector<bool> brought(plan.objects.size(), false);
  for (std::size_t i = 0; i < plan.uses.size(); ++i) {
    const auto& use = plan.uses[i];
    auto& slot = plan.slots[i];
    const auto home = [&](uint32_t object) {
      return object == no_object ? not_held : plan.homes[object];
    };
    if (const auto at = home(use.weights); at != not_held) {
      const auto& object = plan.objects[use.weights];
      const bool packed = object.home == Home::packed;
      const bool both = object.home == Home::kept && object.stored > 0;
      if (both || packed) slot.stored = at;
      if (!packed) slot.run = both ? at + arriving(object, object.stored, ranks) : at;
      if (object.home == Home::kept && use.kind != Use::Kind::update && !brought[use.weights])
        brought[use.weights] = slot.brings = true;
    }
    if (const auto at = home(use.input); at != not_held) slot.input = at;
    if (const auto at = home(use.gradient); at != not_held) slot.gradient = at;
  }
}

}  // namespace

std::vector<uint32_t> last_uses(const Plan& plan) {
  std::vector<uint32_t> out(plan.uses.size());
  // From the end: the last use of an object's weights that no later use brings anew.
  std::vector<uint32_t> last(plan.objects.size(), no_object);
  for (auto i = static_cast<uint32_t>(plan.uses.size()); i-- > 0;) {
    const auto& use = plan.uses[i];
    out[i] = i;
    if (use.kind == Use::Kind::update || use.weights == no_object) continue;
    auto& end = last[use.weights];
    if (end == no_object) end = i;
    if (!plan.slots[i].brings) continue;
    out[i] = end;
    end = no_object;
  }
  return out;
}

uint64_t least_arena(const Uses& uses, const ExpertSlots& experts, uint32_t ranks) {
  uint64_t fixed = 0, largest = 0;
  for (const auto& object : uses.objects)
    if (has_place(object)) fixed += own_bytes(object, ranks);
  for (const auto& use : uses.uses)
    if (use.kind != Use::Kind::update)
      largest = std::max(largest, slot_of(use, uses.objects, ranks, true).bytes);
  return fixed + largest + experts.bytes;
}

std::vector<LeastArena> least_by_kept(const Uses& away, const Uses& kept, uint32_t ranks) {
  const auto is_weights = [](const Object& o) { return o.kind == Object::Kind::weights; };
  const auto count = static_cast<std::size_t>(std::ranges::count_if(away.objects, is_weights));
  const auto own = [ranks](const Object& object) {
    return has_place(object) ? own_bytes(object, ranks) : 0;
  };
  // The largest slot of the units before each one while they are away, and of the others while they
  // are kept.
  std::vector<uint64_t> before(count + 1), behind(count + 1);
  for (const auto& use : away.uses) {
    if (use.kind == Use::Kind::update) continue;
    auto& first = before[use.unit + 1];
    first = std::max(first, slot_of(use, away.objects, ranks, true).bytes);
    auto& second = behind[use.unit];
    second = std::max(second, slot_of(use, kept.objects, ranks, true).bytes);
  }
  for (std::size_t u = 0; u < count; ++u) before[u + 1] = std::max(before[u + 1], before[u]);
  for (auto u = count; u-- > 0;) behind[u] = std::max(behind[u], behind[u + 1]);

  uint64_t fixed = 0;
  for (const auto& object : away.objects) fixed += own(object);
  std::vector<LeastArena> out;
  for (auto u = count;; --u) {
    out.push_back({.fixed = fixed, .slot = std::max(before[u], behind[u])});
    if (u == 0) return out;
    fixed += own(kept.objects[u - 1]) - own(away.objects[u - 1]);
  }
}

ExpertSlots expert_slots(std::span<const Unit> units, const Placement& placement, uint32_t ranks) {
  ExpertSlots out;
  uint64_t run_bytes = 0;
  for (std::size_t u = 0; u < units.size(); ++u) {
    const auto& unit = units[u];
    const auto& place = placement[u];
    if (!unit.is_expert() || !place.streams()) continue;
    ++out.count;
    const bool stored = !place.as_run;
    const auto cut_over = unit.whole ? 1 : ranks;
    if (stored) out.run = std::max(out.run, arriving(unit.stored_bytes, cut_over));
    run_bytes =
        std::max(run_bytes, stored ? aligned(unit.run_bytes) : arriving(unit.run_bytes, cut_over));
  }
  out.bytes = out.run + run_bytes;
  return out;
}

std::vector<uint32_t> place_slots(Plan& plan, std::span<const Unit> units, uint64_t budget,
                                  uint32_t ranks) {
  plan.homes.assign(plan.objects.size(), not_held);
  for (const bool lasting : {true, false})
    for (std::size_t o = 0; o < plan.objects.size(); ++o) {
      if (!has_place(plan.objects[o]) || lasts(plan.objects[o]) != lasting) continue;
      plan.homes[o] = plan.fixed;
      plan.fixed += own_bytes(plan.objects[o], ranks);
    }
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < plan.uses.size(); ++i) {
    const auto& use = plan.uses[i];
    plan.slots.push_back(use.kind == Use::Kind::update ? Slot{}
                                                       : slot_of(use, plan.objects, ranks, true));
    if (plan.slots.back().bytes > 0) order.push_back(i);
  }
  check_budget(plan, units, order, budget);
  plan.experts.count = expert_count(plan, order, budget);
  const uint64_t experts = plan.experts.count * plan.experts.bytes;
  Ring ring(plan, plan.fixed, budget - experts, ranks);
  for (const auto use : order) ring.place(use);
  std::erase_if(order, [&](uint32_t use) { return plan.slots[use].bytes == 0; });
  use_homes(plan, ranks);
  const auto lasts = last_uses(plan);
  for (uint32_t i = 0; i < plan.uses.size(); ++i)
    if (plan.slots[i].brings) plan.slots[lasts[i]].releases = true;
  plan.arena = plan.fixed;
  for (const auto use : order)
    plan.arena = std::max(plan.arena, plan.slots[use].offset + plan.slots[use].bytes);
  plan.experts.offset = plan.arena;
  plan.arena += experts;
  return order;
}

}  // namespace strata::zero
