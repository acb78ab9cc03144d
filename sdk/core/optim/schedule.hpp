// The learning rate of each step.
#pragma once
#include <cstdint>

namespace strata::optim {

enum class Curve : uint8_t {
  // As transformers' get_*_schedule_with_warmup: from 0 to the base rate in the warm-up's steps, so
  // the first step's rate is 0, then the curve.
  constant,
  linear,  // to 0 at the last step's end
  cosine,  // half a wave to 0
  // DeepSpeed's classes of these names, which begin one step late: the first update has the rate
  // `least` (warmup_cosine_lr: 0), and the second one is where the curve begins.
  warmup_lr,         // from `least` to `rate`, then constant
  warmup_decay_lr,   // then linear to 0
  warmup_cosine_lr,  // from rate * least_ratio to `rate`, then a cosine to rate * end_ratio
};

enum class WarmUp : uint8_t { log, linear };  // of DeepSpeed's curves

struct Schedule {
  Curve curve = Curve::constant;
  double rate = 0;       // the base rate; warmup_max_lr, or the optimizer's rate of a cosine
  uint64_t steps = 0;    // of the whole run; total_num_steps
  uint64_t warm_up = 0;  // steps; warmup_num_steps, from 1 on and taken as 2 if it is 1
  WarmUp warm_up_type = WarmUp::log;  // warmup_type
  double least = 0;                   // warmup_min_lr
  double least_ratio = 0;             // warmup_min_ratio
  double end_ratio = 0.0001;          // cos_min_ratio
};

// The rate of a step, which counts from 0: the number of updates made before it. Steps that the
// loss scaler skips do not count.
double learning_rate(const Schedule& schedule, uint64_t step);

}  // namespace strata::optim
