// Fine-tuning in one call.
#pragma once
#include <functional>
#include <strata/app.hpp>
#include <string>
#include <string_view>

#include "app/finetune_options.hpp"
#include "app/plugins.hpp"

namespace strata::training_log {
struct StepRecord;
}

namespace strata::app {

// What a program may want to know while training runs. Any of them may be empty. They are called on
// the thread that called finetune, and must not call it; an exception passes through.
struct FinetuneEvents {
  // A line for people, without its line break.
  std::function<void(std::string_view line)> say{};
  // A line that replaces the one before it, for a terminal.
  std::function<void(std::string_view line)> progress{};
  // A finished step of the optimizer.
  std::function<void(const training_log::StepRecord& step)> step{};
  LoadProgress loading{};
  // All is opened and read, and the first step is next.
  std::function<void()> begin{};
  // Asked once a step: true ends the run behind this step, after a checkpoint.
  std::function<bool()> stop{};
};

struct FinetuneResult {
  // {"steps": [{"step", "loss", "lr", "grad_norm", "tokens", "seconds"}],
  //  "validation": [{"step", "loss"}], "output", "report"}; of a critic each step and each
  // validation has its "accuracy" too.
  std::string json;
  // 0: done, also where FinetuneEvents::stop ended it. 1: a loss or gradient was no number and
  // on_nan is "stop".
  int status = 0;
  // These say what was no number, and which checkpoint there is; empty if status is 0.
  std::string fact{}, remedy{};
};

// Trains and writes the result to the options' output: a folder that transformers loads, of the
// whole model or of its adapters. RunOptions::dtype "auto" means bfloat16 here. Throws UsageError
// for options, and Error for files and the run; the output then holds whole files alone.
FinetuneResult finetune(const ModelOptions& model, const RunOptions& run,
                        const FinetuneOptions& options, Plugins& plugins,
                        const FinetuneEvents& events);

}  // namespace strata::app
