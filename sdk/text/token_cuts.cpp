#include "text/token_cuts.hpp"

#include <algorithm>
#include <optional>

#include "core/error.hpp"
#include "text/text_stream.hpp"

namespace strata::text {
namespace {

// Finds places inside one text, stretch by stretch.
class Finder {
 public:
  Finder(const Tokenizer& tokenizer, std::string_view text, bool special)
      : tokenizer_(tokenizer), text_(text), ids_(tokenizer.encode(text, special, stretches_)) {}

  // `at` is not below that of the call before.
  TokenCut find(std::size_t at) {
    while (index_ < stretches_.size() && stretches_[index_].end <= at) {
      ++index_;
      ends_.reset();
    }
    // Ids that the post-processor adds behind the text belong to none of its places.
    if (index_ == stretches_.size()) {
      const auto last = stretches_.empty() ? std::size_t{0} : stretches_.back().last;
      return {last, last};
    }
    const auto& stretch = stretches_[index_];
    if (at == stretch.begin) return {stretch.first, stretch.first};
    if (stretch.token) return {stretch.first, stretch.last};
    if (const auto cut = by_prefix(at)) return *cut;
    if (const auto cut = by_decoding(at)) return *cut;
    throw Error("text",
                "the tokenizer changes it so that its tokens cannot be told apart at byte " +
                    std::to_string(at),
                "score the whole row with --loss-on all");
  }

  std::vector<std::int32_t> take() { return std::move(ids_); }

 private:
  // Where the text before the place encodes to the first ids of the stretch, they are its ids. The
  // token before the stretch is encoded too, since some tokenizers change the first word of a text.
  std::optional<TokenCut> by_prefix(std::size_t at) const {
    const auto& from = stretches_[index_ == 0 ? 0 : index_ - 1];
    const auto before = tokenizer_.encode(text_.substr(from.begin, at - from.begin), false);
    const auto count = from.first + before.size();
    if (count > stretches_[index_].last ||
        !std::equal(before.begin(), before.end(),
                    ids_.begin() + static_cast<std::ptrdiff_t>(from.first)))
      return std::nullopt;
    return TokenCut{count, count};
  }

  std::optional<TokenCut> by_decoding(std::size_t at) {
    const auto& stretch = stretches_[index_];
    if (!ends_) ends_ = ends_of(stretch);
    if (ends_->empty()) return std::nullopt;
    const auto relative = at - stretch.begin;
    const auto begin = ends_->begin();
    const auto behind = std::lower_bound(begin, ends_->end(), relative);
    if (behind == ends_->end()) return std::nullopt;
    const auto after = stretch.first + static_cast<std::size_t>(behind - begin) + 1;
    if (*behind == relative) return TokenCut{after, after};
    // Ids that end where the one before them ends hold the first bytes of the character behind.
    const auto start = behind == begin ? begin : std::lower_bound(begin, behind, behind[-1]) + 1;
    return TokenCut{stretch.first + static_cast<std::size_t>(start - begin), after};
  }

  // The bytes at which the ids of a stretch end, read off the decoder; empty where the text that it
  // gives is another, but for a space at the beginning.
  std::vector<std::size_t> ends_of(const TextStretch& stretch) const {
    const auto text = text_.substr(stretch.begin, stretch.end - stretch.begin);
    std::vector<std::size_t> ends;
    std::string decoded;
    TextStream stream(tokenizer_, false);
    for (auto i = stretch.first; i < stretch.last; ++i) {
      decoded += stream.add(ids_[i]);
      ends.push_back(decoded.size());
    }
    decoded += stream.finish();
    if (!ends.empty()) ends.back() = decoded.size();
    if (decoded == text) return ends;
    const bool lost = text.starts_with(' ') && text.substr(1) == decoded;
    const bool added = decoded.starts_with(' ') && std::string_view(decoded).substr(1) == text;
    if (!lost && !added) return {};
    for (auto& end : ends) end = lost ? end + 1 : std::max<std::size_t>(end, 1) - 1;
    return ends;
  }

  const Tokenizer& tokenizer_;
  std::string_view text_;
  std::vector<TextStretch> stretches_;
  std::vector<std::int32_t> ids_;
  std::size_t index_ = 0;  // of the stretch that was looked at last
  std::optional<std::vector<std::size_t>> ends_;
};

}  // namespace

CutText encode_cut(const Tokenizer& tokenizer, std::string_view text,
                   std::span<const std::size_t> places, bool special) {
  Finder finder(tokenizer, text, special);
  CutText out;
  for (const auto at : places) out.cuts.push_back(finder.find(at));
  out.ids = finder.take();
  return out;
}

}  // namespace strata::text
