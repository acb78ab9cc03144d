#include "core/run/training_step.hpp"

#include "core/error.hpp"

namespace strata::run {

TrainingStep::TrainingStep(Session& session)
    : session_(session),
      streaming_(session.streaming_parts(streaming_events(session.prepared().units.size()))),
      executor_(session.prepared().backward, streaming_) {
  if (session.prepared().backward.slots.empty())
    throw Error("training", "the session has no plan of a backward pass",
                "prepare it for training");
}

// Both plans use the whole arena: neither begins before the other's work is done.
double TrainingStep::run(const Batch& batch, std::span<const int64_t> targets,
                         const TakeGradients& take) {
  session_.pass(batch);
  session_.finish();
  const double loss = session_.compute().loss(targets);
  streaming_.take_gradients(take);
  executor_.pass();
  executor_.finish();
  return loss;
}

}  // namespace strata::run
