// The micro-batches of a step, split over the ranks.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/train/trainer.hpp"
#include "data/batches.hpp"

namespace strata::app {

// One micro-batch in the shape that the core takes; it borrows the tokens.
train::MicroBatch borrowed(const data::MicroBatchTokens& tokens);

// The part of a step that one rank gives; it borrows the tokens.
struct RankBatches {
  // Number g is number g * ranks + rank of the step; those that the step lacks are without tokens.
  // All ranks have as many.
  std::vector<train::MicroBatch> own;
  // The ids of all ranks, in the order of the step, as many as all have; empty on one rank.
  std::vector<std::span<const int32_t>> all_ids;
};

// `tokens` are the micro-batches of the whole step.
RankBatches split_over_ranks(const std::vector<data::MicroBatchTokens>& tokens, uint32_t rank,
                             uint32_t ranks);

}  // namespace strata::app
