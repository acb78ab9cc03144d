// How a text is cut into the words that BPE merges within: splits, one after the other, then the
// byte-level step, which ends every pre-tokenizer that is supported.
#pragma once
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "core/text/split.hpp"

namespace strata::text {

class PreTokenizer {
 public:
  void add(Split split) { splits_.push_back(std::move(split)); }
  // Every character that is a number (\p{N}) on its own, or runs of them.
  void add_digits(bool individual);
  // The byte-level step: a space before each piece that starts with none, and GPT-2's pattern.
  void byte_level(bool prefix_space, bool words);

  using Word = std::function<void(std::string_view)>;
  // Calls `word` with each word of `text` (valid UTF-8) in order; the views end with the call.
  void apply(std::string_view text, RegexRoom& room, const Word& word) const;

 private:
  std::vector<Split> splits_;
  std::optional<Split> words_;
  bool prefix_space_ = false;
};

}  // namespace strata::text
