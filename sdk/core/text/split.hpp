// A text cut at the matches of a pattern: tokenizer.json's pre_tokenizer Split.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "core/text/regex.hpp"

namespace strata::text {

// What becomes of a match: a piece of its own, nothing, the end of the piece before, the start of
// the piece after, or one piece with the matches beside it.
enum class SplitBehavior { isolated, removed, merged_with_previous, merged_with_next, contiguous };

// By its name in tokenizer.json, as "MergedWithNext".
std::optional<SplitBehavior> split_behavior(std::string_view name);

class Split {
 public:
  // With `invert` what is between the matches counts as the match.
  Split(Regex regex, SplitBehavior behavior, bool invert)
      : regex_(std::move(regex)), behavior_(behavior), invert_(invert) {}

  // Appends the pieces of `text` that are not empty, views into it in order.
  void apply(std::string_view text, RegexRoom& room, std::vector<std::string_view>& pieces) const;

 private:
  Regex regex_;
  SplitBehavior behavior_;
  bool invert_;
};

}  // namespace strata::text
