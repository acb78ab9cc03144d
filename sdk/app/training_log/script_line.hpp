// The lines that DeepSpeedExamples' finetune_zero3.py prints, and its count of floating point
// operations.
#pragma once
#include <string>
#include <vector>

#include "app/training_log/records.hpp"
#include "core/json.hpp"

namespace strata::training_log {

// Whether that script takes a model for a mixture of experts: its config.json has one of the keys
// that tell, whatever the value. It shows no TFLOPS and tokens/s of such a model.
bool is_mixture(const Json& config);

// Floating point operations of one training step over one sequence of a dense decoder, by that
// script's count: every parameter once a token, scores and values of attention, a backward of twice
// the forward, and with `checkpointing` a second forward.
struct DenseShape {
  double parameters = 0, layers = 0, hidden = 0;
};
double flops_of_sequence(const DenseShape& shape, double tokens, bool checkpointing);

// "Step    1 | Loss: 2.3456 | Time:  1234ms | TFLOPS: 41.20 | Tokens/s:   3412". `loss` is the mean
// over the steps since the last line. The last two parts are left out of a mixture's line, TFLOPS
// also where the step has no flops.
std::string script_line(const StepRecord& step, double loss, bool mixture);

// The times of the steps behind the first `warmup_steps`, which are not timed.
class StepTimes {
 public:
  StepTimes(int64_t warmup_steps, bool mixture) : warmup_steps_(warmup_steps), mixture_(mixture) {}
  void add(const StepRecord& step);
  // "5 steps timed after 2 of warm-up: 1234 ms on average, 1190 to 1302 ms, 41.20 TFLOPS,
  // 3412 tokens/s", or that none was timed.
  std::string summary() const;
  // The means over the timed steps; 0 where there is none.
  double mean_seconds() const;
  double mean_tokens() const;

 private:
  int64_t warmup_steps_, seen_ = 0;
  bool mixture_;
  std::vector<double> seconds_;
  double flops_ = 0, tokens_ = 0;
};

}  // namespace strata::training_log
