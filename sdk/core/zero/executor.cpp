#include "core/zero/executor.hpp"

#include <string>

#include "core/error.hpp"

namespace strata::zero {
namespace {

constexpr Stage none = static_cast<Stage>(stages);

// The stage to record when an action's work is done.
Stage stage_of(Kind kind) {
  switch (kind) {
    case Kind::fetch:
      return Stage::fetched;
    case Kind::gather:
      return Stage::gathered;
    case Kind::expand:
      return Stage::ready;
    case Kind::release:
      return Stage::released;
    case Kind::scatter:
      return Stage::scattered;
    case Kind::store:
      return Stage::stored;
    case Kind::reduce:
      return Stage::reduced;
    case Kind::update:
      return Stage::updated;
    case Kind::run:
    case Kind::rerun:
      return none;
  }
  return none;
}

const char* name(Kind kind) {
  static constexpr const char* names[] = {"fetch",   "gather",  "expand", "run",    "rerun",
                                          "release", "scatter", "store",  "reduce", "update"};
  return names[static_cast<std::size_t>(kind)];
}

const char* name(State state) {
  static constexpr const char* names[] = {"away", "fetched", "whole", "ready",
                                          "used", "made",    "done"};
  return names[static_cast<std::size_t>(state)];
}

// The state that an action on weights, or on an input that is fetched, leads to from `from`; `from`
// itself where the action is not allowed.
State next(Kind kind, State from) {
  switch (kind) {
    case Kind::fetch:
      return from == State::away ? State::fetched : from;
    case Kind::gather:
      return from == State::fetched ? State::whole : from;
    case Kind::expand:
      return from == State::fetched || from == State::whole ? State::ready : from;
    case Kind::run:
    case Kind::rerun:
      return from == State::away ? from : State::used;
    case Kind::release:
      if (from == State::made) return State::done;
      return from == State::used ? State::away : from;
    case Kind::store:
      return from == State::done ? State::away : from;
    case Kind::scatter:
    case Kind::reduce:
    case Kind::update:
      return from;
  }
  return from;
}

bool in_slot(const Plan& plan, uint32_t object) {
  return object != no_object && plan.objects[object].home == Object::Home::tier;
}

}  // namespace

Executor::Executor(const Plan& plan, Backend& backend)
    : plan_(plan), backend_(backend), objects_(plan.objects.size()) {
  set_states();
}

void Executor::set_states() {
  for (std::size_t o = 0; o < objects_.size(); ++o) {
    const auto home = plan_.objects[o].home;
    const bool moves = home == Object::Home::tier || home == Object::Home::kept;
    objects_[o].state = moves ? State::away : State::ready;
    if (home == Object::Home::packed) objects_[o].state = State::fetched;
  }
}

void Executor::pass() {
  if (broken_) throw Error("executor", "an earlier pass failed", "start again");
  broken_ = true;  // until the pass is through
  if (!ahead_)
    for (const auto& action : plan_.prologue) carry_out(action);
  for (const auto& action : plan_.pass) carry_out(action);
  ahead_ = plan_.wraps;
  broken_ = false;
}

void Executor::finish() { backend_.finish(); }

void Executor::restart() {
  finish();
  ahead_ = false;
  set_states();
}

void Executor::carry_out(const Action& action) {
  move(action);
  for (const auto& wait : action.after) {
    const auto occurrence = objects_[wait.object].occurrences[static_cast<std::size_t>(wait.stage)];
    if (occurrence > 0) backend_.wait(action.lane, {wait.object, wait.stage, occurrence});
  }
  backend_.enqueue(action, plan_.slots[action.use]);
  const auto stage = stage_of(action.kind);
  if (stage == none) return;
  auto& count = objects_[action.object].occurrences[static_cast<std::size_t>(stage)];
  backend_.record(action.lane, {action.object, stage, ++count});
}

void Executor::move(const Action& action) {
  if (action.kind == Kind::scatter || action.kind == Kind::reduce || action.kind == Kind::update)
    return;
  const bool runs = action.kind == Kind::run || action.kind == Kind::rerun;
  if (action.object != no_object) change(action, action.object);
  if (!runs) return;
  const auto& use = plan_.uses[action.use];
  if (in_slot(plan_, use.input)) {
    if (action.kind == Kind::run)
      objects_[use.input].state = State::made;
    else
      change(action, use.input);
  }
  if (in_slot(plan_, use.gradient)) objects_[use.gradient].state = State::made;
}

void Executor::change(const Action& action, uint32_t object) {
  const auto home = plan_.objects[object].home;
  if (home == Object::Home::arena || home == Object::Home::elsewhere) return;  // always ready
  auto& state = objects_[object].state;
  auto to = next(action.kind, state);
  if (home == Object::Home::packed && to == State::away) to = State::fetched;
  // Weights that stay are used more than once.
  const bool again = !plan_.slots[action.use].brings && state == State::used &&
                     (action.kind == Kind::run || action.kind == Kind::rerun);
  if (to == state && !again)
    throw Error("executor",
                std::string(name(action.kind)) + " of unit " + std::to_string(action.unit) +
                    ", which is " + name(state),
                "this is a mistake in the plan");
  state = to;
}

}  // namespace strata::zero
