#include "core/zero/plan.hpp"

#include <algorithm>

#include "core/zero/shard.hpp"
#include "core/zero/slots.hpp"

namespace strata::zero {
namespace {

using Home = Object::Home;

// Makes the actions of a plan whose slots have their places.
class Issue {
 public:
  Issue(Plan& plan, std::span<const uint32_t> order, Mode mode, uint32_t ranks, bool grouped,
        bool experts)
      : plan_(plan), order_(order), ranks_(ranks), grouped_(grouped), experts_(experts),
        lasts_(last_uses(plan)) {
    plan_.wraps = mode == Mode::step;
    find_uses();
  }

  void actions() {
    fetches_.resize(plan_.uses.size());
    plan_fetches();
    plan_kept();
    for (uint32_t i = 0; i < plan_.uses.size(); ++i) {
      for (const auto object : fetched_for(i)) count(object);
      carry_out(i);
      for (const auto& [object, use] : fetches_[i]) bring(plan_.pass, object, use, evicted(use));
    }
  }

 private:
  struct Fetch {
    uint32_t object, use;
  };

  // Notes where each object is used on the device, and made anew.
  void find_uses() {
    used_.resize(plan_.objects.size());
    made_.resize(plan_.objects.size());
    for (uint32_t i = 0; i < plan_.uses.size(); ++i) {
      const auto& use = plan_.uses[i];
      if (use.kind == Use::Kind::update || use.kind == Use::Kind::norm) {
        made_[use.weights].push_back(i);
        continue;
      }
      if (use.input != no_object && use.kind == Use::Kind::run) made_[use.input].push_back(i);
      for (const auto object : {use.weights, use.input, use.gradient})
        if (object != no_object) used_[object].push_back(i);
    }
  }

  bool in_slot(uint32_t object) const {
    return object != no_object && plan_.objects[object].home == Home::tier;
  }

  // Whether the use's slot has a form of these weights, fetched or expanded.
  bool has_slot(uint32_t weights) const { return in_slot(weights) || is_packed(weights); }
  bool is_packed(uint32_t weights) const {
    return weights != no_object && plan_.objects[weights].home == Home::packed;
  }

  // The objects that must be in the use's slot before it begins.
  std::vector<uint32_t> fetched_for(uint32_t index) const {
    const auto& use = plan_.uses[index];
    std::vector<uint32_t> out;
    if (plan_.slots[index].brings && in_slot(use.weights)) out.push_back(use.weights);
    if (use.kind == Use::Kind::rerun && in_slot(use.input)) out.push_back(use.input);
    return out;
  }

  // Fills the prologue, and the fetches after each use. Fetches are issued in order, each as soon
  // as the objects that it evicts are released and its own are made, or a later one that an earlier
  // fetch waits for. Uses are counted from the first one of pass 0; those of the pass before it are
  // below 0.
  void plan_fetches() {
    const auto all = static_cast<int64_t>(plan_.uses.size());
    int64_t latest = before_all();
    for (int64_t pass = 0; pass < 2; ++pass) {
      for (const auto use : order_) {
        latest = std::max(latest, pass * all + free_after(use));
        for (const auto object : fetched_for(use)) {
          latest = std::max(latest, pass * all + made_before(object, use));
          if (pass == 0 && latest < 0)
            bring(plan_.prologue, object, use, plan_.wraps ? std::vector<Wait>{} : evicted(use));
          else if (pass == 0 || (plan_.wraps && latest < all))
            fetches_[static_cast<std::size_t>(latest)].push_back({object, use});
        }
      }
    }
  }

  int64_t before_all() const { return -static_cast<int64_t>(plan_.uses.size()); }

  // The use after which the slot of `use` is free: the last one of those whose slots overlap it,
  // and of its own in the pass before.
  int64_t free_after(uint32_t use) const {
    const auto all = static_cast<int64_t>(plan_.uses.size());
    int64_t latest = before_all();
    for (const auto other : order_) {
      if (!overlap(plan_.slots[other], plan_.slots[use])) continue;
      const int64_t end = has_slot(plan_.uses[other].weights) ? lasts_[other] : other;
      latest = std::max(latest, other < use ? end : end - all);
    }
    return latest;
  }

  // The latest use before `use`, in this pass or the one before, that makes the object, or that
  // still needs it where it was.
  int64_t made_before(uint32_t object, uint32_t use) const {
    const auto all = static_cast<int64_t>(plan_.uses.size());
    int64_t latest = before_all();
    for (const auto* list : {&made_[object], &used_[object]})
      for (const int64_t at : *list)
        latest = std::max(latest, at < static_cast<int64_t>(use) ? at : at - all);
    return latest;
  }

  // Objects that are kept for the pass are fetched once, after their update and the last fetch that
  // the pass still needs, which would wait in line behind them.
  void plan_kept() {
    const auto needed = last_fetch();
    for (uint32_t object = 0; object < plan_.objects.size(); ++object) {
      if (plan_.objects[object].home != Home::kept || used_[object].empty()) continue;
      const auto use = used_[object].front();
      count(object);
      bring(plan_.prologue, object, use, {});
      if (plan_.wraps && !made_[object].empty())
        fetches_[std::max(made_[object].back(), needed)].push_back({object, use});
    }
  }

  static bool is_computed(const Use& use) {
    return use.kind == Use::Kind::run || use.kind == Use::Kind::rerun;
  }

  // The last use behind which something is fetched for this pass.
  uint32_t last_fetch() const {
    uint32_t last = 0;
    for (uint32_t i = 0; i < plan_.uses.size(); ++i)
      if (std::ranges::any_of(fetches_[i], [i](const Fetch& f) { return f.use > i; }) ||
          (experts_ && is_computed(plan_.uses[i])))
        last = i;
    return last;
  }

  // Adds the actions that bring an object: the fetch comes after the release of all objects in its
  // slot, and after the object was made.
  void bring(std::vector<Action>& to, uint32_t object, uint32_t use,
             std::vector<Wait> after) const {
    const auto& what = plan_.objects[object];
    if (what.home == Home::kept) after = {{object, Stage::released}};
    if (!made_[object].empty())
      after.push_back(
          {object, what.kind == Object::Kind::weights ? Stage::updated : Stage::stored});
    to.push_back({Kind::fetch, what.lane, what.unit, object, use, std::move(after)});
    if (gathers(object))
      to.push_back({Kind::gather, Lane::comm, what.unit, object, use, {{object, Stage::fetched}}});
  }

  // Counts the bytes that a fetch of the object and its gather move.
  void count(uint32_t object) {
    const auto& what = plan_.objects[object];
    const auto bytes = what.stored > 0 ? what.stored : what.run;
    if (!gathers(object)) {
      plan_.moved += bytes;
      return;
    }
    plan_.moved += shard_bytes(bytes, ranks_);
    plan_.gathered += gathered_bytes(bytes, ranks_);
  }

  bool gathers(uint32_t object) const {
    const auto& what = plan_.objects[object];
    return grouped_ && what.kind == Object::Kind::weights && !what.whole;
  }
  Wait arrived(uint32_t object) const {
    return {object, gathers(object) ? Stage::gathered : Stage::fetched};
  }

  void carry_out(uint32_t index) {
    const auto& use = plan_.uses[index];
    if (use.kind == Use::Kind::update) return update(index);
    if (use.kind == Use::Kind::norm) return norm(index);
    run(index);
    if (use.gradient == no_object) return;
    if (grouped_) scatter(index);
    if (use.on_device) return reduce_there(index);
    store(index, use.gradient, taken_back(index));
    plan_.pass.push_back(
        {Kind::reduce, Lane::host, use.unit, use.gradient, index, {{use.gradient, Stage::stored}}});
  }

  // Adds the gradient to those of the other ranks, behind the run that makes it.
  void scatter(uint32_t index) {
    const auto& use = plan_.uses[index];
    release(index, use.gradient);
    plan_.pass.push_back({Kind::scatter,
                          Lane::comm,
                          use.unit,
                          use.gradient,
                          index,
                          {{use.gradient, Stage::released}}});
  }

  // The lane that computes reduces a gradient where it is; it waits for other ranks alone.
  void reduce_there(uint32_t index) {
    const auto& use = plan_.uses[index];
    std::vector<Wait> after;
    if (grouped_) after.push_back({use.gradient, Stage::scattered});
    plan_.pass.push_back(
        {Kind::reduce, Lane::compute, use.unit, use.gradient, index, std::move(after)});
    if (!grouped_ && in_slot(use.gradient)) release(index, use.gradient);
  }

  // The host has the gradients of its own lane before it, and waits for the last one of the device.
  void norm(uint32_t index) {
    const auto& use = plan_.uses[index];
    std::vector<Wait> after;
    for (auto i = index; i-- > 0 && after.empty();)
      if (plan_.uses[i].on_device) after.push_back({plan_.uses[i].gradient, Stage::reduced});
    plan_.pass.push_back(
        {Kind::update, Lane::host, use.unit, use.weights, index, std::move(after)});
    plan_.pass.push_back({Kind::fetch,
                          Lane::compute,
                          use.unit,
                          use.weights,
                          index,
                          {{use.weights, Stage::updated}}});
  }

  // Adds the actions that run a unit and then release or store what its slot holds.
  void run(uint32_t index) {
    const auto& use = plan_.uses[index];
    const bool again = use.kind == Use::Kind::rerun;
    auto& to = plan_.pass;
    Action action{again ? Kind::rerun : Kind::run, Lane::compute, use.unit, use.weights, index, {}};
    const auto fetched = fetched_for(index);
    // A slot into which nothing is fetched is taken by the run itself.
    if (fetched.empty() && plan_.slots[index].bytes > 0) action.after = evicted(index);
    const bool brought = moves(use.weights);
    if (brought) {
      const bool expands = plan_.objects[use.weights].stored > 0;
      if (expands && plan_.slots[index].brings) {
        auto after = is_packed(use.weights) ? evicted(index) : std::vector{arrived(use.weights)};
        to.push_back({Kind::expand, Lane::compute, use.unit, use.weights, index, std::move(after)});
      }
      action.after.push_back(expands ? Wait{use.weights, Stage::ready} : arrived(use.weights));
    }
    const bool input_fetched = again && in_slot(use.input);
    if (input_fetched) action.after.push_back(arrived(use.input));
    to.push_back(std::move(action));
    if (plan_.slots[index].releases) release(index, use.weights);
    if (input_fetched) release(index, use.input);
    if (!again && in_slot(use.input)) store(index, use.input, {});
  }

  // Whether passes bring the weights to where they are used.
  bool moves(uint32_t weights) const {
    if (weights == no_object || plan_.objects[weights].run == 0) return false;
    return has_slot(weights) || plan_.objects[weights].home == Home::kept;
  }

  void release(uint32_t index, uint32_t object) {
    plan_.pass.push_back({Kind::release, Lane::compute, plan_.uses[index].unit, object, index, {}});
  }

  // A lane of its own copies back: what it copies is there when the compute lane has come so far.
  void store(uint32_t index, uint32_t object, std::vector<Wait> after) {
    const bool scattered = grouped_ && object == plan_.uses[index].gradient;
    if (!scattered) release(index, object);
    after.push_back({object, scattered ? Stage::scattered : Stage::released});
    plan_.pass.push_back(
        {Kind::store, Lane::back, plan_.uses[index].unit, object, index, std::move(after)});
  }

  // The events after which a gradient's memory on the host is free again: its last reduction or
  // update, and the reduction of the gradient that was in the same staging memory before.
  std::vector<Wait> taken_back(uint32_t index) {
    const auto& use = plan_.uses[index];
    std::vector<Wait> out{{use.gradient, Stage::reduced}};
    if (use.weights != no_object && !made_[use.weights].empty())
      out.push_back({use.weights, Stage::updated});
    if (use.staging == no_object) return out;
    staged_.resize(std::max<std::size_t>(staged_.size(), use.staging + 1), no_object);
    auto& before = staged_[use.staging];
    if (before != no_object && before != use.gradient) out.push_back({before, Stage::reduced});
    before = use.gradient;
    return out;
  }

  void update(uint32_t index) {
    const auto& use = plan_.uses[index];
    if (use.on_device) {  // behind the numbers on the same lane
      plan_.pass.push_back({Kind::update, Lane::compute, use.unit, use.weights, index, {}});
      return;
    }
    std::vector<Wait> after;
    if (use.gradient != no_object) after.push_back({use.gradient, Stage::reduced});
    plan_.pass.push_back(
        {Kind::update, Lane::host, use.unit, use.weights, index, std::move(after)});
  }

  // The events that must have happened before a slot is taken: for every slot that overlaps it, and
  // for itself, that its objects are released and stored.
  std::vector<Wait> evicted(uint32_t taker) const {
    std::vector<Wait> out;
    const auto add = [&](Wait wait) {
      if (std::ranges::find(out, wait) == out.end()) out.push_back(wait);
    };
    for (const auto other : order_) {
      if (!overlap(plan_.slots[other], plan_.slots[taker])) continue;
      const auto& use = plan_.uses[other];
      if (plan_.slots[other].brings && has_slot(use.weights)) add({use.weights, Stage::released});
      if (in_slot(use.gradient))
        add({use.gradient, use.on_device ? reduced_there() : Stage::stored});
      if (in_slot(use.input))
        add({use.input, use.kind == Use::Kind::run ? Stage::stored : Stage::released});
    }
    return out;
  }

  // The stage in which a gradient that is reduced on the device leaves its slot.
  Stage reduced_there() const { return grouped_ ? Stage::reduced : Stage::released; }

  Plan& plan_;
  std::span<const uint32_t> order_;
  uint32_t ranks_;
  bool grouped_;                                    // weights are gathered, gradients scattered
  bool experts_;                                    // as Uses::experts
  std::vector<uint32_t> lasts_;                     // by use, as last_uses gives them
  std::vector<std::vector<uint32_t>> used_, made_;  // by object, ascending indices of uses
  std::vector<std::vector<Fetch>> fetches_;         // by use: what is fetched after it
  std::vector<uint32_t> staged_;                    // by staging memory: the gradient in it
};

}  // namespace

Plan plan_uses(Uses uses, std::span<const Unit> units, ExpertSlots experts, uint64_t budget,
               Mode mode, uint32_t ranks, bool group_of_one) {
  Plan plan;
  plan.objects = std::move(uses.objects);
  plan.uses = std::move(uses.uses);
  plan.experts = experts;
  const auto order = place_slots(plan, units, budget, ranks);
  Issue(plan, order, mode, ranks, ranks > 1 || group_of_one, uses.experts).actions();
  return plan;
}

Plan plan_pass(std::span<const Unit> units, const Placement& placement,
               const std::vector<bool>& file, uint64_t budget, Mode mode, uint32_t ranks,
               bool group_of_one) {
  return plan_uses(forward_uses(units, placement, file), units,
                   expert_slots(units, placement, ranks), budget, mode, ranks, group_of_one);
}

uint64_t least_arena(std::span<const Unit> units, const Placement& placement, uint32_t ranks) {
  uint32_t tiers = 0;
  for (const auto& place : placement)
    if (place.tier != resident) tiers = std::max(tiers, place.tier + 1);
  // Whether a fetch is a read makes no difference to the arena.
  const auto uses = forward_uses(units, placement, std::vector<bool>(tiers, false));
  return least_arena(uses, expert_slots(units, placement, ranks), ranks);
}

}  // namespace strata::zero
