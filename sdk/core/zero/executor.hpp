// The executor of a plan: it runs the plan on a backend, pass after pass.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "core/zero/backend.hpp"

namespace strata::zero {

// One unit's life, in the slot that the plan chose:
//
//   away --fetch--> fetched --gather--> whole --expand--> ready --run--> used --release--> away
//
// One rank needs no gather, and a unit whose forms are the same no expand. A unit that is never
// fetched stays ready.
enum class State : uint8_t { away, fetched, whole, ready, used };

class Executor {
 public:
  // The plan and the backend outlive the executor.
  Executor(const Plan& plan, Backend& backend);

  // Runs one pass; the first one begins with the plan's prologue, as does each one of a plan that
  // does not wrap. After a failure every later call throws.
  void pass();
  // Waits until all issued work is done, with the fetches for the next pass.
  void finish();

 private:
  struct Unit {
    State state = State::away;
    std::array<uint64_t, stages> occurrences{};
  };

  void carry_out(const Action& action);
  void move(const Action& action);

  const Plan& plan_;
  Backend& backend_;
  std::vector<Unit> units_;
  uint64_t passes_ = 0;
  bool broken_ = false;
};

}  // namespace strata::zero
