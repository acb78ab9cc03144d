// Rows in micro-batches and optimizer steps. Each step is a pure function of its number, so that a
// resumed run gets the batches of the run that it continues.
#pragma once
#include <cstdint>
#include <vector>

#include "core/run/compute.hpp"
#include "core/train/trainer.hpp"
#include "data/pairs.hpp"
#include "data/token_rows.hpp"

namespace strata::data {

struct BatchOptions {
  std::uint32_t batch_size = 1;    // rows of a micro-batch
  std::uint32_t accumulation = 1;  // micro-batches of a step
  double epochs = 1;
  std::uint64_t max_steps = 0;  // 0: as many as the epochs have
  bool shuffle = true;
  std::uint64_t seed = 42;
  // Sequences in the order of the data into rows of max_length tokens, next fit: a sequence that
  // the current row has no room for begins the next row. The packed rows are shuffled, not the
  // sequences.
  bool packing = false;
  std::uint32_t max_length = 2048;  // with packing
};

// The tokens of one micro-batch, packed: the sequences one after the other, without padding but for
// pads that are scored, and those of pairs. T tokens, S sequences.
struct MicroBatchTokens {
  std::vector<std::int32_t> ids;           // [T]
  std::vector<run::Sequence> sequences;    // [S]: `slot` its index, `first` 0
  std::vector<std::uint64_t> rows;         // [S]: the row's number in the data
  std::vector<std::int64_t> targets;       // [T]: the next id of the sequence; -1: not scored
  std::vector<float> weights;              // [T]: of the loss at this token; 0 where not scored
  std::vector<train::ComparedPair> pairs;  // of a critic: then no token has a target
  double weight = 0;                       // the sum of the weights; of pairs, their number
  std::uint64_t scored = 0;  // the number of scored tokens; of pairs, of compared ones
};

// For one thread at a time; the rows outlive it.
class Batches {
 public:
  // `chosen` are row numbers in the order of the data. Throws UsageError for a size of 0, epochs
  // not above 0, or no rows.
  Batches(const TokenRows& rows, std::vector<std::uint32_t> chosen, BatchOptions options);
  // The same with pairs for rows; they are not packed.
  Batches(const PairRows& pairs, std::vector<std::uint32_t> chosen, BatchOptions options);

  // As transformers' Trainer: an incomplete last micro-batch and an incomplete last step of an
  // epoch are kept, and a step has micro-batches of one epoch alone.
  std::uint64_t steps_per_epoch() const;
  std::uint64_t steps() const;        // of the run
  std::uint64_t packed_rows() const;  // of an epoch; without packing, the rows
  std::uint64_t epoch_of(std::uint64_t step) const { return step / steps_per_epoch(); }

  // Steps and micro-batches count from 0; a step may lie behind the end of the run.
  std::uint32_t micro_batches(std::uint64_t step) const;
  MicroBatchTokens micro_batch(std::uint64_t step, std::uint32_t index);
  // The sum of the weights over all micro-batches of a step, by which its loss is divided.
  double weight(std::uint64_t step);

  // The row numbers of a micro-batch, in its order.
  std::vector<std::uint32_t> rows_of(std::uint64_t step, std::uint32_t index);

 private:
  std::uint64_t micro_batches_per_epoch() const;
  const std::vector<std::uint32_t>& order_of(std::uint64_t epoch);

  const TokenRows& rows_;
  PairRows pairs_{};  // without rows: no pairs
  std::vector<std::uint32_t> chosen_;
  BatchOptions options_;
  std::vector<std::size_t> ends_;     // of each packed row in chosen_
  std::vector<std::uint32_t> order_;  // of the packed rows in epoch_
  std::uint64_t epoch_ = ~std::uint64_t{0};
};

// One micro-batch of these rows.
MicroBatchTokens batch_of(const TokenRows& rows, const std::vector<std::uint32_t>& numbers);

}  // namespace strata::data
