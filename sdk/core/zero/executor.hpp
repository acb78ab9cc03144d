// The executor of a plan: it runs the plan on a backend, pass after pass.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "core/zero/backend.hpp"

namespace strata::zero {

// The life of an object, in the slot that the plan chose. Weights:
//
//   away --fetch--> fetched --gather--> whole --expand--> ready --run--> used --release--> away
//
// One rank needs no gather, and weights whose forms are the same no expand. Packed weights are
// fetched between their uses. Weights with a place of their own that are never fetched stay ready.
// Inputs and gradients that a run makes are stored:
//
//   away --run--> made --release--> done --store--> away
//
// A scatter among ranks lies between the last two.
enum class State : uint8_t { away, fetched, whole, ready, used, made, done };

class Executor {
 public:
  // The plan and the backend outlive the executor.
  Executor(const Plan& plan, Backend& backend);

  // Runs one pass; the first one begins with the plan's prologue, as does each one of a plan that
  // does not wrap. After a failure every later call throws.
  void pass();
  // Waits until all issued work is done, with the fetches for the next pass.
  void finish();
  // Finishes, and forgets what was fetched ahead: the next pass begins with the prologue.
  void restart();

 private:
  struct Life {
    State state = State::away;
    std::array<uint64_t, stages> occurrences{};
  };

  void carry_out(const Action& action);
  void move(const Action& action);
  void change(const Action& action, uint32_t object);
  void set_states();

  const Plan& plan_;
  Backend& backend_;
  std::vector<Life> objects_;
  bool ahead_ = false;  // the plan wraps, and a pass has fetched for the next one
  bool broken_ = false;
};

}  // namespace strata::zero
