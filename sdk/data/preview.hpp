// A row as text, with what is scored told apart: for people to look at before the first step.
#pragma once
#include <string>
#include <vector>

#include "data/token_rows.hpp"
#include "text/tokenizer.hpp"

namespace strata::data {

struct PreviewPiece {
  std::string text;  // with special tokens
  float weight;      // 0: not scored
};

// The pieces in order, neighbors of different weights; of pads only the first is shown. Of a row of
// more than `most` tokens an ellipsis stands for the middle of each long stretch that is not
// scored; where the scored ones alone are too long, for theirs, and then for whole stretches in the
// middle of the row. Its beginning and its end are always shown.
std::vector<PreviewPiece> preview(const TokenRows& rows, std::size_t row,
                                  const text::Tokenizer& tokenizer, std::size_t most = 4096);

}  // namespace strata::data
