// Pairs of answers as the batches of a critic.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "data/token_rows.hpp"

namespace strata::data {

struct MicroBatchTokens;

// How pairs are compared.
struct PairOptions {
  std::int32_t pad = -1;          // the id that pads and ends rows; below 0: rows have no end token
  std::int64_t at_beginning = 0;  // ids like it at a row's beginning that do not end it
};

// The places of one pair that are compared: [begin, end), the same in both rows. A row may be
// shorter than `end`, and is padded to it.
struct PairWindow {
  std::uint32_t begin = 0, end = 0;
  // The last token of each row before its end, by whose reward the row is judged.
  std::uint32_t chosen_last = 0, rejected_last = 0;
};

// [Note: windows of pairs]
// As in DeepSpeed-Chat's reward model. A row ends before its first pad token that is not one of
// those at the beginning, else with its last token; a pad token before the rows differ ends
// neither. The rows are compared from the first token that differs to the end of the longer one.
// Equal rows are compared at their last token, where the rewards are equal too. No row is empty.
PairWindow pair_window(std::span<const std::int32_t> chosen, std::span<const std::int32_t> rejected,
                       const PairOptions& options);

// Rows of the same numbers in both; they outlive what is made of them.
struct PairRows {
  const TokenRows *chosen = nullptr, *rejected = nullptr;
  PairOptions options{};
};

// One micro-batch of these pairs: the chosen row of each, and its rejected one behind it, both as
// long as their window reaches. A pair's weight is 1. Rows of the data have the numbers 2n, chosen,
// and 2n + 1.
MicroBatchTokens batch_of(const PairRows& rows, const std::vector<std::uint32_t>& numbers);

}  // namespace strata::data
