// Byte-level byte pair encoding: the ids of one word.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/text/merge_table.hpp"
#include "core/text/vocabulary.hpp"

namespace strata::text {

struct BpeOptions {
  // The id of a byte without a token; without it such bytes fall away.
  std::optional<int32_t> unknown = std::nullopt;
  bool fuse_unknown = false;   // neighbours without a token give one id
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges
};

// Room that the words of one text share: symbols, the queue, and what short words came to before.
// One thread at a time.
class BpeRoom {
 private:
  friend class Bpe;
  struct Symbol {
    int32_t id;
    int32_t before, after;  // neighbours, -1 at the ends
    bool gone;
  };
  struct Candidate {
    int32_t rank, at, merged;
  };
  struct Known {
    static constexpr std::size_t longest = 27, most = 8;
    uint8_t length = 0, count = 0;
    std::array<char, longest> word;
    std::array<int32_t, most> ids;
  };
  std::vector<Symbol> symbols_;
  std::vector<Candidate> queue_;
  std::vector<Known> known_ = std::vector<Known>(4096);  // by hash, the newest stays
};

class Bpe {
 public:
  // The ids of `merges` and `options` are those of `vocabulary`, whose tokens are spelled in the
  // byte-level alphabet.
  Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options);

  const Vocabulary& vocabulary() const { return vocabulary_; }

  // Appends the ids of `word`, bytes as they are in the text, fewer than 2^31 of them. The best
  // merge is done first, of equals the leftmost; n log n steps for n bytes.
  void encode(std::string_view word, BpeRoom& room, std::vector<int32_t>& ids) const;

 private:
  void merge(std::string_view word, BpeRoom& room, std::vector<int32_t>& ids) const;
  void spread(std::string_view word, BpeRoom& room) const;
  void offer(BpeRoom& room, int32_t at) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  BpeOptions options_;
  std::array<int32_t, 256> byte_ids_;  // -1 where a byte has no token
};

}  // namespace strata::text
