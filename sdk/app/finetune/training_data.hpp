// The rows that a run trains on and validates with, from the options' files.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/finetune.hpp"
#include "core/run/model.hpp"
#include "data/batches.hpp"
#include "data/load.hpp"
#include "data/order.hpp"
#include "text/tokenizer.hpp"

namespace strata::app {

struct TrainingData {
  data::Loaded loaded;
  data::Loaded validation;  // of a file of its own
  data::Split split;        // of loaded.rows
  std::optional<text::Tokenizer> tokenizer;
  std::int64_t longest = 1;  // tokens of the longest sequence

  // The rows that validate, and their numbers.
  const data::TokenRows& validating() const {
    return validation.rows.size() > 0 ? validation.rows : loaded.rows;
  }
};

// Reads the files through the model's tokenizer and template, and says what was read, truncated and
// left out, and how the first row looks.
TrainingData open_training_data(const run::Model& model, const FinetuneOptions& options,
                                const Plugins& plugins, const FinetuneEvents& events);

// How the rows become steps.
data::BatchOptions batch_options(const FinetuneOptions& options);

}  // namespace strata::app
