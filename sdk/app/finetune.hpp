// Fine-tuning in one call.
#pragma once
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <strata/app.hpp>
#include <string>
#include <string_view>

#include "app/finetune_options.hpp"
#include "app/plugins.hpp"
#include "core/run/group.hpp"
#include "core/run/model.hpp"

namespace strata::training_log {
struct StepRecord;
}

namespace strata::app {

// Events that a program may want to know of while training runs. Any of them may be empty. They are
// called on the thread that called finetune, and must not call it; an exception passes through.
struct FinetuneEvents {
  // A line for people, without its line break.
  std::function<void(std::string_view line)> say{};
  // A line that replaces the one before it, for a terminal.
  std::function<void(std::string_view line)> progress{};
  // A finished step of the optimizer.
  std::function<void(const training_log::StepRecord& step)> step{};
  LoadProgress quantizing{}, loading{};
  // All is opened and read, and the first step is next.
  std::function<void()> begin{};
  // Asked behind each step and each batch of a validation: true ends the run there, after a
  // checkpoint. Of several ranks one that says so ends all.
  std::function<bool()> stop{};
};

// The ranks that train together. All of them call finetune with the same options; data, the model
// and the output may be in another place on each machine.
struct FinetuneRanks {
  std::shared_ptr<run::Group> group{};  // null: none
  // Compares what the caller knows of all ranks, once the model is opened and before its weights
  // and the data are read; may be empty.
  std::function<void(const run::Model& model, const Plugins& plugins)> check{};
  nlohmann::json cores{};  // to which this process is bound, for the report; null: to none
};

struct FinetuneResult {
  // {"steps": [{"step", "loss", "lr", "grad_norm", "tokens", "seconds"}],
  //  "validation": [{"step", "loss"}], "output", "report"}; of a critic each step and each
  // validation has its "accuracy" too.
  std::string json;
  // 0: done, also where FinetuneEvents::stop ended it. 1: a loss or gradient was no number and
  // on_nan is "stop", every step was skipped, or the last validation's loss was no number; then no
  // model is written.
  int status = 0;
  // These say what was no number, and which checkpoint there is; empty if status is 0.
  std::string fact{}, remedy{};
};

// Trains and writes the result to the options' output: a folder that transformers loads, of the
// whole model or of its adapters. RunOptions::dtype "auto" means bfloat16 here. Throws UsageError
// for options, and Error for files and the run; the output then holds whole files alone. Each
// of several ranks has the same result but for the report, which rank 0 has of all; rank 0 alone
// writes logs.
FinetuneResult finetune(const ModelOptions& model, const RunOptions& run,
                        const FinetuneOptions& options, Plugins& plugins,
                        const FinetuneEvents& events, const FinetuneRanks& ranks = {});

}  // namespace strata::app
