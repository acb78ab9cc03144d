// Tokens that are recognised in a text before it is cut into words: special ones and those that
// were added to a vocabulary.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/regex.hpp"

namespace strata::text {

struct AddedToken {
  std::string content;  // not empty, at most 1024 bytes of valid UTF-8
  int32_t id;
  bool special = false;
  bool normalized = false;   // looked for in the normalized text, else in the text as it is
  bool single_word = false;  // only where no letter, mark, digit or connector is beside it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
};

// A text's part: a token, or text that is still to be encoded.
struct TextPart {
  std::string_view text;
  std::optional<int32_t> id;
};

// Finds some tokens in a text: the leftmost first, of those that start together the longest.
class TokenFinder {
 public:
  TokenFinder();
  // `content` is what is looked for; `index` is the token's in `tokens` of `parts`.
  void insert(std::string_view content, std::size_t index);
  // Appends the parts of `text`, none of which is empty.
  void parts(std::string_view text, const std::vector<AddedToken>& tokens, RegexRoom& room,
             std::vector<TextPart>& out) const;

 private:
  struct Node {
    std::unordered_map<char, std::size_t> next;
    std::optional<std::size_t> token;
  };
  struct Found {
    std::size_t token, length;
  };
  std::optional<Found> longest(std::string_view text) const;
  bool beside_word(std::string_view before, std::string_view after, RegexRoom& room) const;

  std::vector<Node> nodes_;
  Regex word_;
};

class AddedTokens {
 public:
  static constexpr std::size_t longest = 1024;  // bytes of a token's content

  // `normal` holds the contents as they are looked for in normalized text, one a token.
  AddedTokens(std::vector<AddedToken> tokens, const std::vector<std::string>& normal);

  const TokenFinder& plain() const { return plain_; }
  const TokenFinder& normalized() const { return normalized_; }
  const std::vector<AddedToken>& all() const { return tokens_; }
  // Null where no added token has the id or the content.
  const AddedToken* by_id(int32_t id) const;
  const AddedToken* by_content(std::string_view content) const;
  // The highest id and one more, 0 where there are none.
  int32_t size() const { return size_; }

 private:
  std::vector<AddedToken> tokens_;
  std::unordered_map<int32_t, std::size_t> by_id_;
  std::unordered_map<std::string, std::size_t> by_content_;
  TokenFinder plain_, normalized_;
  int32_t size_ = 0;
};

}  // namespace strata::text
