#include "text/metaspace.hpp"

namespace strata::text {
namespace {

// Replaces the text of each piece; `change` appends the new text of the n-th one.
template <typename Change>
void rewrite(Pieces& pieces, Change change) {
  std::string out;
  out.reserve(pieces.text.size() + pieces.text.size() / 2);
  for (std::size_t i = 0; i < pieces.ranges.size(); ++i) {
    const auto begin = static_cast<uint32_t>(out.size());
    change(i, pieces.view(pieces.ranges[i]), out);
    pieces.ranges[i] = {begin, static_cast<uint32_t>(out.size())};
  }
  pieces.text = std::move(out);
}

}  // namespace

void prepend(Pieces& pieces, std::string_view sign, bool first) {
  rewrite(pieces, [&](std::size_t i, std::string_view piece, std::string& out) {
    if (!piece.starts_with(sign) && (!first || (i == 0 && pieces.first))) out += sign;
    out += piece;
  });
}

void Metaspace::apply(Pieces& pieces, RegexRoom&) const {
  rewrite(pieces, [&](std::size_t, std::string_view piece, std::string& out) {
    for (const char c : piece)
      if (c == ' ')
        out += sign_;
      else
        out += c;
  });
  if (prepend_ != PrependScheme::never) prepend(pieces, sign_, prepend_ == PrependScheme::first);
  if (!split_) return;
  std::vector<Pieces::Range> words;
  for (const auto range : pieces.ranges) {
    const auto piece = pieces.view(range);
    auto begin = range.begin;
    for (auto at = piece.find(sign_, 1); at != piece.npos; at = piece.find(sign_, at + 1)) {
      const auto end = range.begin + static_cast<uint32_t>(at);
      words.push_back({begin, end});
      begin = end;
    }
    words.push_back({begin, range.end});
  }
  pieces.ranges = std::move(words);
}

}  // namespace strata::text
