// The gradients of one batch: the way that training takes through a session.
#pragma once
#include <cstdint>
#include <span>

#include "core/run/session.hpp"

namespace strata::run {

// A forward pass in which each unit's input is kept, the loss, then the units again from the last
// to the first, each rerun with recording. Used on the session's thread; the session outlives it.
class TrainingStep {
 public:
  // Refused: a session that was not prepared with Wish::mode backward.
  explicit TrainingStep(Session& session);

  // The mean cross entropy of the wanted rows' logits against `targets` [wanted]. `take` gets each
  // unit's gradients once; a weight of several units (a tied table) is in each of them, and its
  // gradient is the sum.
  double run(const Batch& batch, std::span<const int64_t> targets, const TakeGradients& take);

 private:
  Session& session_;
  Streaming streaming_;
  zero::Executor executor_;
};

}  // namespace strata::run
