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
  // The rejected rows of a critic, beside the chosen ones, which are the rows above.
  data::TokenRows rejected, validation_rejected;
  data::PairOptions pairs{};
  data::Split split;  // of loaded.rows
  std::optional<text::Tokenizer> tokenizer;
  std::int64_t longest = 1;  // tokens of the longest sequence

  bool has_pairs() const { return rejected.size() > 0; }
  // The rows that train, or that validate, as batches; they borrow the rows.
  data::Batches batches(const data::BatchOptions& options) const;
  data::Batches validation_batches(const data::BatchOptions& options) const;
};

// Reads the files through the model's tokenizer and template, and says what was read, truncated and
// left out, and how the first row looks.
TrainingData open_training_data(const run::Model& model, const FinetuneOptions& options,
                                const Plugins& plugins, const FinetuneEvents& events);

// How the rows become steps.
data::BatchOptions batch_options(const FinetuneOptions& options);

}  // namespace strata::app
