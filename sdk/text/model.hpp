// The model of a tokenizer, which gives a word its ids: BPE, Unigram, WordPiece or whole words.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/vocabulary.hpp"

namespace strata::text {

// A cache of the ids of short words, by hash; the newest word stays. For one thread at a time.
class WordCache {
 public:
  // Makes room for the words of a text of so many bytes.
  explicit WordCache(std::size_t bytes);

 private:
  friend class Model;
  struct Known {
    static constexpr std::size_t longest = 27, most = 8;
    uint8_t length = 0, count = 0;
    std::array<char, longest> word;
    std::array<int32_t, most> ids;
  };
  std::vector<Known> known_;
};

class Model {
 public:
  explicit Model(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  virtual ~Model() = default;

  const Vocabulary& vocabulary() const { return vocabulary_; }

  // Appends the ids of `word`, valid UTF-8 of fewer than 2^31 bytes. Throws std::runtime_error with
  // the fact where a part of it has no token and the model has no unknown token.
  void encode(std::string_view word, WordCache& cache, std::vector<int32_t>& ids) const;

 protected:
  // encode_short encodes a short word that is not in the cache, encode_long every long one.
  virtual void encode_short(std::string_view word, std::vector<int32_t>& ids) const = 0;
  virtual void encode_long(std::string_view word, WordCache&, std::vector<int32_t>& ids) const {
    encode_short(word, ids);
  }

 private:
  Vocabulary vocabulary_;
};

// The ids of the tokens <0x00> to <0xFF>, which stand for bytes; -1 where there is none.
std::array<int32_t, 256> byte_tokens(const Vocabulary& vocabulary);

}  // namespace strata::text
