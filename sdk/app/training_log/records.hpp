// A training run as plain records: one for each step and each validation, and the spans of a step.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace strata::training_log {

// One finished step. Counts, bytes and seconds are those of the step alone, over all of its
// micro-batches.
struct StepRecord {
  int64_t step = 0, total = 0;       // from 1; total 0: unknown
  double epoch = 0;                  // passes over the data so far
  double loss = 0;                   // the whole loss, router_loss included
  double router_loss = 0;            // the auxiliary losses of mixture layers; 0 without them
  std::optional<double> accuracy{};  // of a critic: the part of the pairs that it judges right
  double lr = 0;
  double grad_norm = 0;   // before clipping
  double loss_scale = 1;  // 1 without loss scaling
  uint64_t tokens = 0;    // that were computed
  uint64_t scored = 0;    // that count in the loss
  double seconds = 0;
  double eta_seconds = -1;  // to the run's end; below 0: unknown
  double flops = 0;         // floating point operations; 0: unknown, so no TFLOPS are shown
  uint64_t moved_to_device = 0, moved_to_host = 0;   // bytes over the link
  uint64_t read_from_disk = 0, written_to_disk = 0;  // bytes
  bool skipped = false;  // the weights were not updated: a gradient was infinite or not a number
  // The units of a skipped step that were updated before that gradient was known; none: no unit.
  std::optional<uint64_t> updated_units{};
  bool operator==(const StepRecord&) const = default;
};

// A loss over the validation data, after the step of that number; 0 is before the first step.
struct ValidationRecord {
  int64_t step = 0;
  double loss = 0;                   // the mean over the scored tokens, or over pairs
  std::optional<double> accuracy{};  // of a critic
  uint64_t tokens = 0;               // scored
  double seconds = 0;
  bool operator==(const ValidationRecord&) const = default;
};

struct Records {
  std::vector<StepRecord> steps;
  std::vector<ValidationRecord> validations;
};

// One action of one step's timeline.
struct LaneSpan {
  std::string lane, kind, unit;
  double begin = 0, end = 0;  // seconds, from any origin
};

// The tokens of the step a second; 0 where no time is known.
inline double tokens_per_second(const StepRecord& step) {
  return step.seconds > 0 ? static_cast<double>(step.tokens) / step.seconds : 0;
}

// 10^12 floating point operations a second; 0 where they or the time are unknown.
inline double tflops(const StepRecord& step) {
  return step.seconds > 0 ? step.flops / step.seconds / 1e12 : 0;
}

}  // namespace strata::training_log
