// Added tokens, recognized in a text before it is cut into words: special ones and those that were
// added to a vocabulary.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "text/regex.hpp"
#include "text/trie.hpp"
#include "text/vocabulary.hpp"

namespace strata::text {

struct AddedToken {
  std::string content;  // valid UTF-8
  int32_t id = -1;
  bool special = false;
  bool normalized = false;   // matched in the normalized text, else in the text as it is
  bool single_word = false;  // only where no letter, mark, digit or connector is beside it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
};

// A part of a text: a token, or text still to be encoded.
struct TextPart {
  std::string_view text;
  std::optional<int32_t> id;
};

// Finds some tokens in a text: the leftmost first, and the longest of those that start together.
class TokenFinder {
 public:
  TokenFinder();
  // Adds the text `content` to look for, with its token's index in `tokens` of `parts`; of equal
  // texts the first counts. Throws std::invalid_argument with the fact where it is too long.
  void insert(std::string_view content, int32_t index);
  // Appends the parts of `text`, none of which is empty; with `split_special` special tokens count
  // as plain text.
  void parts(std::string_view text, const std::vector<AddedToken>& tokens, bool split_special,
             RegexRoom& room, std::vector<TextPart>& out) const;

 private:
  struct Found {
    int32_t token;
    std::size_t length;
  };
  std::optional<Found> longest(std::string_view text) const;
  bool beside_word(std::string_view before, std::string_view after, RegexRoom& room) const;

  Trie tokens_;
  std::array<bool, 256> begins_{};  // the first bytes of tokens
  Regex word_;
};

class AddedTokens {
 public:
  // Gives a content as it is matched in normalized text, empty where it is not matched there.
  using Normal = std::function<std::string(const std::string& content)>;

  // Adds tokens in turn, as the package tokenizers does, and ignores their ids. A token of the
  // vocabulary keeps its id, others are numbered on from the vocabulary's end. One that was added
  // before takes the new flags, but stays special; an empty one is skipped.
  void add(const std::vector<AddedToken>& tokens, const Vocabulary& vocabulary);
  // Builds the finders; call it once, after all additions. Throws std::invalid_argument with the
  // fact where a token is too long, and any exception of `normal`.
  void finish(const Normal& normal);

  const TokenFinder& plain() const { return plain_; }
  const TokenFinder& normalized() const { return normalized_; }
  const std::vector<AddedToken>& all() const { return tokens_; }
  // The text of an id in decoding: normalized for a token that is, or once was, matched in
  // normalized text. Null where no added token has the id.
  const std::string* text(int32_t id) const;
  // Whether decoding without special tokens leaves an id out: its text is a special token's. The
  // text of a token in normalized text may be another.
  bool is_special(int32_t id) const;
  // The added token of an id or a content; null where there is none.
  const AddedToken* by_id(int32_t id) const;
  const AddedToken* by_content(std::string_view content) const;
  // One more than the highest id, 0 where there are none.
  int32_t size() const { return size_; }

 private:
  int32_t next_id(const std::string& content, const Vocabulary& vocabulary) const;

  std::vector<AddedToken> tokens_;
  std::vector<std::string> texts_;
  std::unordered_map<int32_t, std::size_t> by_id_;
  std::unordered_map<std::string, std::size_t> by_content_;
  std::unordered_set<std::string> special_, once_normalized_;
  TokenFinder plain_, normalized_;
  int32_t size_ = 0;
};

}  // namespace strata::text
