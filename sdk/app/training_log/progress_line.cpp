#include "app/training_log/progress_line.hpp"

#include <cmath>

#include "app/training_log/number_text.hpp"
#include "core/size_text.hpp"

namespace strata::training_log {
namespace {

std::string norm_text(double norm) {
  constexpr double least = 0.01, most = 1e4;
  return norm == 0 || !std::isfinite(norm) || (norm >= least && norm < most) ? fixed(norm, 2)
                                                                             : scientific(norm, 1);
}

std::string rate_text(double rate) {
  constexpr double whole = 100, most = 1e15;
  return rate < whole || rate > most ? significant(rate)
                                     : grouped(static_cast<uint64_t>(std::llround(rate)));
}

}  // namespace

std::string progress_line(const StepRecord& step) {
  auto line = "step " + std::to_string(step.step);
  if (step.total > 0) line += "/" + std::to_string(step.total);
  line += "  loss " + fixed(step.loss, 4);
  if (step.accuracy) line += "  accuracy " + fixed(*step.accuracy, 2);
  line += "  lr " + scientific(step.lr, 1) + "  |g| " + norm_text(step.grad_norm);
  if (step.skipped) line += "  skipped";
  if (const auto rate = tokens_per_second(step); rate > 0)
    line += "  " + rate_text(rate) + " tokens/s";
  if (const auto speed = tflops(step); speed > 0) line += "  " + significant(speed) + " TFLOPS";
  if (const auto moved = step.moved_to_device + step.moved_to_host; moved > 0)
    line += "  moved " + size_text(moved);
  if (const auto disk = step.read_from_disk + step.written_to_disk; disk > 0)
    line += "  disk " + size_text(disk);
  if (const auto left = duration_text(step.eta_seconds); !left.empty()) line += "  left " + left;
  return line;
}

}  // namespace strata::training_log
