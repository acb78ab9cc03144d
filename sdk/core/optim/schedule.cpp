#include "core/optim/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace strata::optim {
namespace {

// The part of the base rate.
double transformers_part(const Schedule& s, uint64_t step) {
  const auto at = static_cast<double>(step), total = static_cast<double>(s.steps),
             warm_up = static_cast<double>(s.warm_up);
  if (step < s.warm_up) return at / std::max(1.0, warm_up);
  if (s.curve == Curve::constant) return 1;
  const double rest = std::max(1.0, total - warm_up);
  if (s.curve == Curve::linear) return std::max(0.0, (total - at) / rest);
  const double progress = (at - warm_up) / rest;
  return std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * 0.5 * 2 * progress)));
}

// `at` is DeepSpeed's last_batch_iteration. The part of the way from the least to the base rate.
double warm_up_part(const Schedule& s, double at, double warm_up) {
  return s.warm_up_type == WarmUp::log ? 1 / std::log(warm_up) * std::log(at + 1) : at / warm_up;
}

double deepspeed_rate(const Schedule& s, uint64_t step) {
  const bool cosine = s.curve == Curve::warmup_cosine_lr;
  if (step == 0) return cosine ? 0 : s.least;
  const auto at = static_cast<double>(step - 1), total = static_cast<double>(s.steps),
             warm_up = static_cast<double>(std::max<uint64_t>(2, s.warm_up));
  const bool warming = at < warm_up;
  if (cosine) {
    const double part =
        warming
            ? warm_up_part(s, at, warm_up)
            : (1 + std::cos(std::numbers::pi *
                            std::min(1.0, (at - warm_up + 1) / std::max(1.0, total - warm_up)))) /
                  2;
    const double low = warming ? s.least_ratio : s.end_ratio;
    return s.rate * std::max(0.0, low + part * (1 - low));
  }
  double part = 1;
  if (warming)
    part = warm_up_part(s, at, warm_up);
  else if (s.curve == Curve::warmup_decay_lr)
    part = std::max(0.0, (total - at) / std::max(1.0, total - warm_up));
  return s.least + (s.rate - s.least) * part;
}

}  // namespace

double learning_rate(const Schedule& schedule, uint64_t step) {
  return schedule.curve < Curve::warmup_lr ? schedule.rate * transformers_part(schedule, step)
                                           : deepspeed_rate(schedule, step);
}

}  // namespace strata::optim
