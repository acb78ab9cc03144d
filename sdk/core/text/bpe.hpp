// Byte pair encoding over the characters of a word.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/character_table.hpp"
#include "core/text/merge_table.hpp"
#include "core/text/model.hpp"

namespace strata::text {

struct BpeOptions {
  // The id of a character without a token; without it such characters fall away.
  std::optional<int32_t> unknown = std::nullopt;
  // Spells the token that such a character should have, where the vocabulary lacks it: encoding one
  // then throws std::runtime_error.
  std::string lacking = {};
  bool fuse_unknown = false;   // neighbours without a token give one id
  bool byte_fallback = false;  // a character without a token is its bytes' tokens, if all are there
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges
  std::string prefix = {};     // of every character's token but a word's first
  std::string suffix = {};     // of the token of a word's last character
};

class Bpe final : public Model {
 public:
  // The ids of `merges` and `options` are those of `vocabulary`.
  Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options);

 private:
  struct Symbol {
    int32_t id;
    int32_t before, after;  // neighbours, -1 at the ends
    bool gone;
  };
  struct Candidate {
    int32_t rank, at, merged;
  };
  // The best merge is done first, of equals the leftmost; n log n steps for n characters.
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
