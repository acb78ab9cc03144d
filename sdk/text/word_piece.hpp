// Models that look words up: WordPiece, which takes the longest token again and again, and
// WordLevel, in which each word is a token.
#pragma once
#include <optional>
#include <string>

#include "text/model.hpp"
#include "text/trie.hpp"

namespace strata::text {

struct WordPieceOptions {
  std::optional<int32_t> unknown = std::nullopt;  // for the whole word where a part has no token
  std::string prefix = "##";                      // for tokens that do not begin a word
  std::size_t longest_word = 100;                 // in characters; longer ones are unknown
};

class WordPiece final : public Model {
 public:
  // Throws std::invalid_argument with the fact where a token is too long.
  WordPiece(Vocabulary vocabulary, WordPieceOptions options);

 private:
  void encode_short(std::string_view word, std::vector<int32_t>& ids) const override;

  WordPieceOptions options_;
  Trie trie_;
  uint32_t inner_;  // the node of the prefix
};

class WordLevel final : public Model {
 public:
  WordLevel(Vocabulary vocabulary, std::optional<int32_t> unknown)
      : Model(std::move(vocabulary)), unknown_(unknown) {}

 private:
  void encode_short(std::string_view word, std::vector<int32_t>& ids) const override;

  std::optional<int32_t> unknown_;
};

}  // namespace strata::text
