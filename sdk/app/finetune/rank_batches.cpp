#include "app/finetune/rank_batches.hpp"

namespace strata::app {

train::MicroBatch borrowed(const data::MicroBatchTokens& tokens) {
  return {.ids = tokens.ids,
          .sequences = tokens.sequences,
          .rows = tokens.rows,
          .targets = tokens.targets,
          .weights = tokens.weights,
          .pairs = tokens.pairs};
}

RankBatches split_over_ranks(const std::vector<data::MicroBatchTokens>& tokens, uint32_t rank,
                             uint32_t ranks) {
  RankBatches out;
  for (std::size_t first = 0; first < tokens.size(); first += ranks) {
    const auto mine = first + rank;
    out.own.push_back(mine < tokens.size() ? borrowed(tokens[mine]) : train::MicroBatch{});
    for (auto one = first; ranks > 1 && one < first + ranks; ++one)
      out.all_ids.push_back(one < tokens.size() ? std::span<const int32_t>(tokens[one].ids)
                                                : std::span<const int32_t>());
  }
  return out;
}

}  // namespace strata::app
