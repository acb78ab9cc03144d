// The abstract device that executes a plan: lanes of work ordered by events alone.
#pragma once
#include <cstdint>
#include <vector>

#include "core/zero/plan.hpp"

namespace strata::zero {

// An event of the executor: the n-th occurrence of a stage of an object.
struct Event {
  uint32_t object = 0;
  Stage stage = Stage::fetched;
  uint64_t occurrence = 0;  // 1 for the first; 0 has always happened
};

// One thread enqueues work, which runs in order within its lane. A failure is thrown where the
// compute lane waits on its event, or by finish(), the earliest failure first.
class Backend {
 public:
  virtual ~Backend() = default;
  // Later work of `lane` begins after `event`, which was issued before.
  virtual void wait(Lane lane, const Event& event) = 0;
  // Enqueues the action's work on its lane, into or out of `slot`.
  virtual void enqueue(const Action& action, const Slot& slot) = 0;
  // `event` happens when the lane's work up to here is done.
  virtual void record(Lane lane, const Event& event) = 0;
  // Waits until every lane is idle; throws the earliest failure.
  virtual void finish() = 0;
};

}  // namespace strata::zero
