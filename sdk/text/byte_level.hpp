// GPT-2's alphabet of byte-level vocabularies: one visible character spells each byte. Printable
// Latin-1 spells itself; the other 68 bytes, in order, are spelled by U+0100 and on.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "text/split.hpp"

namespace strata::text {

// The spelling of bytes in the alphabet, as UTF-8.
std::string spell(std::string_view bytes);
// The bytes that a spelling means, or none where it has a character outside the alphabet.
std::optional<std::string> unspell(std::string_view spelling);

// tokenizer.json's step ByteLevel: it adds a space before each piece that starts with none, cuts
// GPT-2's words and spells their bytes.
class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool prefix_space, bool words);
  void apply(Pieces& pieces, RegexRoom& room) const override;

 private:
  bool prefix_space_;
  std::optional<Split> words_;
};

}  // namespace strata::text
