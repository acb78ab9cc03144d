// The Unigram model: it cuts a word into the tokens whose scores have the largest sum.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "text/model.hpp"
#include "text/trie.hpp"

namespace strata::text {

class Unigram final : public Model {
 public:
  // `scores` has one for each id. `unknown` is the id for characters without a token, one for
  // neighbors together; with `byte_fallback` they give their bytes' tokens, if all exist. Throws
  // std::invalid_argument with the fact where a token is too long.
  Unigram(Vocabulary vocabulary, std::vector<double> scores, std::optional<int32_t> unknown,
          bool byte_fallback);

 private:
  // The number of steps grows with the bytes of a word times those of the longest token.
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
