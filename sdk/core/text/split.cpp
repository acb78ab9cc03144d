#include "core/text/split.hpp"

namespace strata::text {
namespace {

// Whether a part goes on the piece of the part before it.
bool joined(SplitBehavior behavior, bool previous_match, bool match) {
  switch (behavior) {
    case SplitBehavior::contiguous:
      return previous_match == match;
    case SplitBehavior::merged_with_previous:
      return match && !previous_match;
    case SplitBehavior::merged_with_next:
      return previous_match && !match;
    default:
      return false;
  }
}

}  // namespace

std::optional<SplitBehavior> split_behavior(std::string_view name) {
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  return std::nullopt;
}

void Split::apply(std::string_view text, RegexRoom& room,
                  std::vector<std::string_view>& pieces) const {
  std::vector<Regex::Part> parts;
  regex_.parts(text, room, parts);
  std::size_t begin = 0;  // of the piece that is being made, in bytes of the text
  std::size_t end = 0;
  const auto cut = [&] {
    if (end > begin) pieces.push_back(text.substr(begin, end - begin));
    begin = end;
  };
  bool previous = false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool match = parts[i].match != invert_;
    if (i == 0 || !joined(behavior_, previous, match)) cut();
    end += parts[i].text.size();
    if (match && behavior_ == SplitBehavior::removed) begin = end;
    previous = match;
  }
  cut();
}

}  // namespace strata::text
