// Rows of tokens, each with what of it is scored: held in memory for the whole run.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace strata::data {

// Tokens of a row whose loss counts: [begin, end), begin at least 1, in order and apart.
struct Scored {
  std::uint32_t begin, end;
  float weight;  // above 0
};

// One row; `pads` more of the pad token stand behind its ids.
struct TokenRow {
  std::vector<std::int32_t> ids;
  std::vector<Scored> scored;
  std::uint32_t pads = 0;
};

class TokenRows {
 public:
  void add(const TokenRow& row);

  std::size_t size() const { return rows_.size(); }
  std::span<const std::int32_t> ids(std::size_t row) const;
  std::span<const Scored> scored(std::size_t row) const;
  std::uint32_t pads(std::size_t row) const { return rows_[row].pads; }
  // With the pads.
  std::uint32_t length(std::size_t row) const {
    return static_cast<std::uint32_t>(ids(row).size()) + pads(row);
  }

  std::int32_t pad = 0;  // the id of the pads

  // The SHA-256 of ids, weights and pads, in hex digits: it tells whether a later run has the same
  // rows, through the same template and tokenizer.
  std::string sha256() const;

 private:
  struct Place {
    std::size_t ids, scored;  // the end of the row's in the vectors below
    std::uint32_t pads;
  };
  std::vector<Place> rows_;
  std::vector<std::int32_t> ids_;
  std::vector<Scored> scored_;
};

}  // namespace strata::data
