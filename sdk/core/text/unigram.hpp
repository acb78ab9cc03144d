// The Unigram model: of all ways to cut a word into tokens, the one whose scores add up to most.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "core/text/model.hpp"
#include "core/text/trie.hpp"

namespace strata::text {

class Unigram final : public Model {
 public:
  // `scores` are one an id. `unknown` is the id of characters without a token, neighbours as one;
  // with `byte_fallback` they are their bytes' tokens, if all are there. Throws
  // std::invalid_argument with the fact where a token is too long.
  Unigram(Vocabulary vocabulary, std::vector<double> scores, std::optional<int32_t> unknown,
          bool byte_fallback);

 private:
  // Steps grow with the bytes of a word times those of the longest token.
  void encode_short(std::string_view word, std::vector<int32_t>& ids) const override;
  void add(std::string_view part, std::vector<int32_t>& ids) const;

  std::vector<double> scores_;
  std::optional<int32_t> unknown_;
  bool byte_fallback_;
  double unknown_score_;
  Trie trie_;
  std::array<int32_t, 256> byte_ids_;
};

}  // namespace strata::text
