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
    case Kind::run:
    case Kind::rerun:
      return none;
  }
  return none;
}

const char* name(Kind kind) {
  static constexpr const char* names[] = {"fetch", "gather", "expand", "run", "rerun", "release"};
  return names[static_cast<std::size_t>(kind)];
}

const char* name(State state) {
  static constexpr const char* names[] = {"away", "fetched", "whole", "ready", "used"};
  return names[static_cast<std::size_t>(state)];
}

// The state that an action leads to from `from`, or `from` itself where the action is not allowed.
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
      return from == State::used ? State::away : from;
  }
  return from;
}

}  // namespace

Executor::Executor(const Plan& plan, Backend& backend)
    : plan_(plan), backend_(backend), units_(plan.slots.size()) {
  for (std::size_t u = 0; u < units_.size(); ++u)
    if (plan.slots[u].bytes == 0) units_[u].state = State::ready;
}

void Executor::pass() {
  if (broken_) throw Error("executor", "an earlier pass failed", "start again");
  broken_ = true;  // until the pass is through
  if (passes_ == 0 || !plan_.wraps)
    for (const auto& action : plan_.prologue) carry_out(action);
  for (const auto& action : plan_.pass) carry_out(action);
  ++passes_;
  broken_ = false;
}

void Executor::finish() { backend_.finish(); }

void Executor::carry_out(const Action& action) {
  move(action);
  for (const auto& wait : action.after) {
    const auto occurrence = units_[wait.unit].occurrences[static_cast<std::size_t>(wait.stage)];
    if (occurrence > 0) backend_.wait(action.lane, {wait.unit, wait.stage, occurrence});
  }
  backend_.enqueue(action, plan_.slots[action.unit]);
  const auto stage = stage_of(action.kind);
  if (stage == none) return;
  auto& count = units_[action.unit].occurrences[static_cast<std::size_t>(stage)];
  backend_.record(action.lane, {action.unit, stage, ++count});
}

void Executor::move(const Action& action) {
  auto& unit = units_[action.unit];
  if (plan_.slots[action.unit].bytes == 0) return;  // never fetched: always ready
  const auto to = next(action.kind, unit.state);
  if (to == unit.state)
    throw Error("executor",
                std::string(name(action.kind)) + " of unit " + std::to_string(action.unit) +
                    ", which is " + name(unit.state),
                "this is a mistake in the plan");
  unit.state = to;
}

}  // namespace strata::zero
