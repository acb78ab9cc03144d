// The least time that a run's steps can take on the machine, beside the time that they take.
#pragma once
#include <string>

#include "app/finetune_options.hpp"
#include "app/machine_rates.hpp"
#include "app/training_log/bound.hpp"
#include "app/training_log/script_line.hpp"
#include "core/json.hpp"
#include "core/train/training.hpp"

namespace strata::app {

// The bound of a run's steps. Each of several ranks has its own, of its part of a step's tokens,
// updates and bytes over the link; what the ranks send each other does not count.
class RunBound {
 public:
  // Reads the file of the machine's rates, if the options name one.
  RunBound(const FinetuneOptions& options, bool cuda);

  // The line before the first step: the bound of a step of the most tokens.
  std::string planned(const train::Training& training) const;
  // The mean of the timed steps beside the bound of as many tokens; empty if no step was timed.
  std::string measured(const train::Training& training, const training_log::StepTimes& times) const;
  // {"seconds", "by", "forward_s", "backward_s", "update_s", "rates"}, of a step as the timed ones
  // were, with their {"step_s", "share"}; without a timed step of the most tokens.
  OrderedJson json(const train::Training& training, const training_log::StepTimes& times) const;

 private:
  training_log::StepBound of(const train::Training& training, double tokens) const;
  training_log::StepBound of_timed(const train::Training& training,
                                   const training_log::StepTimes& times) const;

  bool assumed_;
  training_log::StepRates rates_;
};

}  // namespace strata::app
