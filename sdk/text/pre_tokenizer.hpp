// One step of a pre-tokenizer, which cuts a text into the words that a model encodes one by one.
#pragma once
#include <memory>
#include <vector>

#include "text/pieces.hpp"
#include "text/regex.hpp"

namespace strata::text {

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces, RegexRoom& room) const = 0;
};
using PreTokenizers = std::vector<std::unique_ptr<PreTokenizer>>;

}  // namespace strata::text
