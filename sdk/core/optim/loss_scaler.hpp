// The scale of the loss in float16: as large as the gradients allow without an overflow.
#pragma once
#include <cstdint>

namespace strata::optim {

// The words of DeepSpeed's table fp16.
struct LossScaling {
  double loss_scale = 0;  // a fixed scale; 0: the scale follows the gradients
  int initial_scale_power = 16;
  int64_t loss_scale_window = 1000;     // steps without an overflow until the scale doubles
  int hysteresis = 2;                   // overflows until the scale is halved
  bool consecutive_hysteresis = false;  // each step without an overflow begins their count anew
  double min_loss_scale = 1;
};

// Behaves as DeepSpeed 0.19.6's DynamicLossScaler. Its state can be saved and set.
class LossScaler {
 public:
  struct State {
    double scale = 1;
    int64_t step = 0, last_overflow = -1;
    int hysteresis = 0;  // overflows that are left, the last of which halves the scale
  };

  // Throws a UsageError if a value is out of range.
  explicit LossScaler(const LossScaling& settings);

  double scale() const { return state_.scale; }
  const State& state() const { return state_; }
  void set(const State& state) { state_ = state; }

  // Follows a step whose gradients were not finite (an overflow), which is skipped, or were. With a
  // fixed scale nothing changes. Throws if the least scale is too large.
  void follow(bool overflow);

 private:
  LossScaling settings_;
  State state_;
};

}  // namespace strata::optim
