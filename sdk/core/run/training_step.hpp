// One training step through a session: the gradients of one batch.
#pragma once
#include <cstdint>
#include <span>

#include "core/run/session.hpp"

namespace strata::run {

// Runs a forward pass that keeps each unit's input, computes the loss, then reruns the units from
// the last to the first with recording. Used on the session's thread; the session outlives it.
class TrainingStep {
 public:
  // Refuses a session that was not prepared with Wish::mode backward.
  explicit TrainingStep(Session& session);

  // Returns the mean cross entropy of the wanted rows' logits against `targets` [wanted]. `take`
  // gets each unit's gradients once; a weight of several units (a tied table) is in each of them,
  // and its gradient is the sum.
  double run(const Batch& batch, std::span<const int64_t> targets, const TakeGradients& take);

 private:
  Session& session_;
  Streaming streaming_;
  zero::Executor executor_;
};

}  // namespace strata::run
