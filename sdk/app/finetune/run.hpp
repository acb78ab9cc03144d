// The loop of a training run: steps, validations, records.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "app/finetune.hpp"
#include "app/finetune/checkpoints.hpp"
#include "app/finetune/open_training.hpp"
#include "app/finetune/rank_batches.hpp"
#include "app/finetune/training_data.hpp"
#include "app/training_log/script_line.hpp"
#include "app/training_log/training_log.hpp"
#include "core/optim/loss_scaler.hpp"
#include "core/optim/schedule.hpp"

namespace strata::app {

// The largest micro-batch of any step and of validation, and how many of them a rank has.
StepSize step_size(const TrainingData& data, const FinetuneOptions& options,
                   std::uint32_t ranks = 1);

// How a run ended.
enum class RunEnd {
  trained,    // its last step is made, and its result can be written
  asked,      // the events asked for the end, and a checkpoint is there
  no_number,  // a loss or gradient was no number, and the options say to stop
  untrained,  // every step was skipped, so that the weights are what they were
  invalid     // the last validation's loss is no number; a checkpoint is there
};

// Several ranks make a run together: a step has the micro-batches of all, and the records are those
// of all, too.
class TrainingRun {
 public:
  // `group` is null for one rank.
  TrainingRun(const FinetuneOptions& options, const TrainingData& data, train::Training& training,
              training_log::TrainingLog& log, Checkpoints& checkpoints,
              const FinetuneEvents& events, run::Group* group = nullptr);

  // Continues behind a step of an earlier run, whose weights are restored.
  void set(const RunState& state);

  // Trains to the end, or until the events ask for the end. Ending early, it saves a checkpoint,
  // unless its last step was partly made.
  RunEnd run();
  // "3 of 10 units were updated before it", where a gradient of the last step was no number and
  // others had been applied by then; else empty.
  const std::string& partly() const { return partly_; }

  std::uint64_t steps() const { return batches_.steps(); }
  // Steps that are finished.
  std::uint64_t done() const { return done_; }
  // Those of them that changed no weight, since a loss or gradient was no number.
  std::uint64_t skipped() const { return done_ - updates_; }
  std::string skipped_words() const;  // empty without any
  const training_log::StepTimes& times() const { return times_; }

 private:
  // A step borrows them, until the next one is made.
  struct StepData {
    std::vector<data::MicroBatchTokens> tokens;  // of all ranks
    RankBatches batches;
  };
  StepData data_of(std::uint64_t index);
  // Returns false where a loss or gradient was no number and the options say to stop.
  bool run_steps();
  RunEnd end_of(bool finite) const;
  bool step(std::uint64_t index);
  // Validates behind the last step; an end that the events ask for meanwhile ends it behind the
  // batch at hand, and it has no record then.
  void validate();
  void save();
  // The ranks agree behind a step: whether the events of any of them ask for the end, and whether
  // all have written their part of a checkpoint, which then appears. Adds up the numbers.
  void agree(std::uint64_t* first = nullptr, std::uint64_t* second = nullptr);
  bool validates(std::uint64_t index) const;
  double rate(std::uint64_t index) const;
  std::uint64_t last_step() const;
  RunState state(std::uint64_t step) const;

  const FinetuneOptions& options_;
  train::Training& training_;
  training_log::TrainingLog& log_;
  Checkpoints& checkpoints_;
  const FinetuneEvents& events_;
  run::Group* group_;
  data::Batches batches_;
  std::optional<data::Batches> validation_;
  optim::Schedule schedule_;
  std::optional<optim::LossScaler> scaler_;
  training_log::DenseShape shape_;
  bool mixture_;
  training_log::StepTimes times_;
  StepData held_;  // of the last step
  std::string partly_;
  bool ends_ = false;                     // the events asked for the end
  bool invalid_ = false;                  // the last validation's loss is no number
  bool unvalidated_ = false;              // the validation behind the last step is not made
  double since_line_ = 0;                 // the sum of the losses since the last line
  std::int64_t unsaid_ = 0;               // steps since then
  std::uint64_t done_ = 0, updates_ = 0;  // updates_: steps in which a unit was updated
  double seconds_ = 0;                    // of all steps
  std::uint64_t first_ = 0;               // steps of an earlier run
};

}  // namespace strata::app
