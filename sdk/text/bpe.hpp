// Byte pair encoding over the characters of a word.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/character_table.hpp"
#include "text/merge_table.hpp"
#include "text/model.hpp"

namespace strata::text {

struct BpeOptions {
  // The id for a character without a token; where it is none, such characters are dropped.
  std::optional<int32_t> unknown = std::nullopt;
  // The spelling of the unknown token where the vocabulary lacks it: encoding such a character then
  // throws std::runtime_error.
  std::string lacking = {};
  bool fuse_unknown = false;   // neighbors without a token give one id
  bool byte_fallback = false;  // a character without a token gives its bytes' tokens, if all exist
  bool ignore_merges = false;  // a word that is a token gives that token, whatever the merges
  std::string prefix = {};     // for every character's token but a word's first
  std::string suffix = {};     // for the token of a word's last character
};

class Bpe final : public Model {
 public:
  // The ids of `merges` and `options` are those of `vocabulary`.
  Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options);

 private:
  struct Symbol {
    int32_t id;
    int32_t before, after;  // neighbors, -1 at the ends
    bool gone;
  };
  struct Candidate {
    int32_t rank, at, merged;
  };
  // The best merge comes first, the leftmost of equals; n log n steps for n characters.
  struct Work {
    std::vector<Symbol> symbols;
    std::vector<Candidate> queue;
  };

  void encode_short(std::string_view word, std::vector<int32_t>& ids) const override;
  void encode_long(std::string_view word, WordCache& cache,
                   std::vector<int32_t>& ids) const override;
  void merge(std::string_view word, std::vector<int32_t>& ids) const;
  void spread(std::string_view word, Work& work) const;
  std::string spelled(std::string_view character, bool first, bool last) const;
  int32_t character_id(std::string_view character, bool first, bool last) const;
  void offer(Work& work, int32_t at) const;

  MergeTable merges_;
  BpeOptions options_;
  CharacterTable characters_;
  std::array<int32_t, 256> byte_ids_;
};

}  // namespace strata::text
