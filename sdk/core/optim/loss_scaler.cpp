#include "core/optim/loss_scaler.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace strata::optim {
namespace {

void require(bool met, const char* what, const char* remedy) {
  if (!met) throw UsageError("fp16", what, remedy);
}

}  // namespace

LossScaler::LossScaler(const LossScaling& settings) : settings_(settings) {
  require(std::isfinite(settings.loss_scale) && settings.loss_scale >= 0,
          "loss_scale is not a number from 0 on",
          "give a positive number, or 0 for a scale that follows");
  state_.hysteresis = settings.hysteresis;
  if (settings.loss_scale > 0) {
    state_.scale = settings.loss_scale;
    return;
  }
  require(settings.loss_scale_window > 0, "loss_scale_window is not positive", "give at least 1");
  require(std::isfinite(settings.min_loss_scale) && settings.min_loss_scale > 0,
          "min_loss_scale is not positive", "give a number above 0");
  require(settings.hysteresis > 0, "hysteresis is not positive", "give at least 1");
  require(settings.initial_scale_power >= 0 && settings.initial_scale_power <= 64,
          "initial_scale_power is not in 0 to 64", "give 16");
  state_.scale = std::ldexp(1.0, settings.initial_scale_power);
}

void LossScaler::follow(bool overflow) {
  if (settings_.loss_scale > 0) return;
  if (overflow) {
    if (state_.hysteresis > 1) {
      --state_.hysteresis;
    } else {
      if (state_.scale == settings_.min_loss_scale)
        throw Error("fp16", "the gradients are not finite even with the least scale of the loss",
                    "lower the learning rate, or train in bfloat16");
      state_.scale = std::max(state_.scale / 2, settings_.min_loss_scale);
    }
    state_.last_overflow = state_.step;
  } else {
    const int64_t good = state_.step - state_.last_overflow - 1;  // before this step
    const bool grows = good > 0 && good % settings_.loss_scale_window == 0;
    if (settings_.consecutive_hysteresis || grows) state_.hysteresis = settings_.hysteresis;
    if (grows) state_.scale *= 2;
  }
  ++state_.step;
}

}  // namespace strata::optim
