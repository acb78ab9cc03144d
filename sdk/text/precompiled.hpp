// sentencepiece's compiled normalization: a table from characters, and clusters of them, to texts.
// Format: the double array of https://github.com/s-yata/darts-clone, then the texts.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/normalizer.hpp"

namespace strata::text {

class Precompiled final : public Normalizer {
 public:
  // Throws std::invalid_argument with the fact where the table is malformed.
  explicit Precompiled(std::string_view charsmap);
  void apply(NormalText& text, RegexRoom& room) const override;

 private:
  // The replacement of the shortest beginning of `part` that has an entry; none where none has.
  std::optional<std::string_view> entry(std::string_view part) const;

  std::vector<uint32_t> units_;
  std::string texts_;  // each ends with a zero
};

}  // namespace strata::text
