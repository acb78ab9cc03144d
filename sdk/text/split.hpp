// Cutting of texts at the matches of a pattern: tokenizer.json's Split and equivalents.
#pragma once
#include <optional>
#include <string_view>

#include "text/pre_tokenizer.hpp"

namespace strata::text {

// The fate of a match: a piece of its own, nothing, the end of the piece before, the start of the
// piece after, or one piece with the matches beside it.
enum class SplitBehavior { isolated, removed, merged_with_previous, merged_with_next, contiguous };

// The behavior of a name in tokenizer.json, such as "MergedWithNext".
std::optional<SplitBehavior> split_behavior(std::string_view name);

class Split final : public PreTokenizer {
 public:
  // With `invert` the text between the matches counts as the match.
  Split(Regex regex, SplitBehavior behavior, bool invert = false)
      : regex_(std::move(regex)), behavior_(behavior), invert_(invert) {}

  void apply(Pieces& pieces, RegexRoom& room) const override;

 private:
  Regex regex_;
  SplitBehavior behavior_;
  bool invert_;
};

}  // namespace strata::text
