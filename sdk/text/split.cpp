#include "text/split.hpp"

namespace strata::text {
namespace {

// Whether a part continues the piece of the part before it.
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

void Split::apply(Pieces& pieces, RegexRoom& room) const {
  std::vector<Pieces::Range> cuts;
  cuts.reserve(pieces.ranges.size());
  std::vector<Regex::Part> parts;
  for (const auto range : pieces.ranges) {
    parts.clear();
    regex_.parts(pieces.view(range), room, parts);
    auto begin = range.begin;  // the beginning of the current piece
    auto end = begin;
    const auto cut = [&] {
      if (end > begin) cuts.push_back({begin, end});
      begin = end;
    };
    bool previous = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const bool match = parts[i].match != invert_;
      if (i == 0 || !joined(behavior_, previous, match)) cut();
      end += static_cast<uint32_t>(parts[i].text.size());
      if (match && behavior_ == SplitBehavior::removed) begin = end;
      previous = match;
    }
    cut();
  }
  pieces.first &= !cuts.empty() && cuts[0].begin == pieces.ranges[0].begin;
  pieces.ranges = std::move(cuts);
}

}  // namespace strata::text
