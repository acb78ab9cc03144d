#include "app/training_log/script_line.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "app/training_log/number_text.hpp"

namespace strata::training_log {

bool is_mixture(const Json& config) {
  constexpr std::array keys{"num_local_experts", "moe_layers", "num_experts", "expert_capacity",
                            "router_aux_loss_coef"};
  return config.is_object() &&
         std::ranges::any_of(keys, [&](const char* key) { return config.contains(key); });
}

double flops_of_sequence(const DenseShape& shape, double tokens, bool checkpointing) {
  const double passes = checkpointing ? 4 : 3;
  return 2 * passes * shape.parameters * tokens +
         4 * passes * shape.layers * shape.hidden * tokens * tokens;
}

std::string script_line(const StepRecord& step, double loss, bool mixture) {
  auto line = "Step " + padded(std::to_string(step.step), 4) + " | Loss: " + fixed(loss, 4) +
              " | Time: " + padded(fixed(step.seconds * 1000, 0), 5) + "ms";
  if (mixture) return line;
  if (step.flops > 0) line += " | TFLOPS: " + padded(fixed(tflops(step), 2), 5);
  return line + " | Tokens/s: " + padded(fixed(tokens_per_second(step), 0), 6);
}

void StepTimes::add(const StepRecord& step) {
  if (++seen_ <= warmup_steps_) return;
  seconds_.push_back(step.seconds);
  flops_ += step.flops;
  tokens_ += static_cast<double>(step.tokens);
}

double StepTimes::mean_seconds() const {
  if (seconds_.empty()) return 0;
  return std::accumulate(seconds_.begin(), seconds_.end(), 0.0) /
         static_cast<double>(seconds_.size());
}

double StepTimes::mean_tokens() const {
  return seconds_.empty() ? 0 : tokens_ / static_cast<double>(seconds_.size());
}

std::string StepTimes::summary() const {
  if (seconds_.empty())
    return "no step timed: the run had " + std::to_string(seen_) + " steps, and the first " +
           std::to_string(warmup_steps_) + " are warm-up";
  const double all = std::accumulate(seconds_.begin(), seconds_.end(), 0.0);
  const auto [least, most] = std::ranges::minmax(seconds_);
  auto line = std::to_string(seconds_.size()) + (seconds_.size() == 1 ? " step" : " steps") +
              " timed after " + std::to_string(warmup_steps_) +
              " of warm-up: " + fixed(all / static_cast<double>(seconds_.size()) * 1000, 0) +
              " ms on average, " + fixed(least * 1000, 0) + " to " + fixed(most * 1000, 0) + " ms";
  if (mixture_ || !(all > 0)) return line;
  if (flops_ > 0) line += ", " + fixed(flops_ / all / 1e12, 2) + " TFLOPS";
  return line + ", " + fixed(tokens_ / all, 0) + " tokens/s";
}

}  // namespace strata::training_log
