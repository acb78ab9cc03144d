// The updates whose states are not those of Adam in float32.
#pragma once
#include <cstdint>
#include <vector>

#include "core/optim/adafactor.hpp"
#include "core/optim/adam.hpp"
#include "core/optim/bf16_weights.hpp"
#include "core/train/states.hpp"

namespace strata::train {

// The constants of a step's update of one weight.
struct WeightStep {
  optim::AdamStep adam;
  optim::AdafactorSettings adafactor;
  uint64_t number = 0;  // of the update, from 1
};

// A weight as Adafactor sees it: the last two dimensions are rows and columns.
optim::AdafactorShape factored(const std::vector<int64_t>& shape);

// Updates whole weights under Rule::adam8 and Rule::adafactor. Any number of threads gives the same
// bits.
class WeightUpdate {
 public:
  // `workers` outlives it.
  WeightUpdate(Rule rule, optim::Workers& workers) : rule_(rule), workers_(workers) {}

  // Makes room for a weight of this shape, so that its updates allocate nothing.
  void reserve(const std::vector<int64_t>& shape);

  // `arrays` are the weight's, without moments; `states` are those of its unit, in which `places`
  // are the weight's. A weight in bfloat16 is in `held`, and has neither master weights nor a copy.
  void run(const WeightStep& step, const std::vector<int64_t>& shape, const PieceStates& places,
           std::byte* states, const optim::AdamArrays& arrays, const optim::Bf16Weights& held = {});

 private:
  void adam(const optim::AdamStep& step, uint64_t count, const PieceStates& places,
            std::byte* states, optim::AdamArrays arrays, const optim::Bf16Weights& held);
  void adam8(const optim::AdamStep& step, uint64_t count, const PieceStates& places,
             std::byte* states, const optim::AdamArrays& arrays, const optim::Bf16Weights& held);

  Rule rule_;
  optim::Workers& workers_;
  optim::Adafactor adafactor_;
};

}  // namespace strata::train
