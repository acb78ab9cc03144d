// The alphabet of byte-level vocabularies, as GPT-2 laid it down: each byte is spelled by one
// visible character. Printable Latin-1 stands for itself, the other 68 bytes, in order, for U+0100
// and on.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/text/split.hpp"

namespace strata::text {

// The spelling of bytes in the alphabet, as UTF-8.
std::string spell(std::string_view bytes);
// The bytes that a spelling means, or none where it has a character outside the alphabet.
std::optional<std::string> unspell(std::string_view spelling);

// tokenizer.json's step ByteLevel: a space before each piece that starts with none, GPT-2's words,
// and the spelling of their bytes.
class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool prefix_space, bool words);
  void apply(Pieces& pieces, RegexRoom& room) const override;

 private:
  bool prefix_space_;
  std::optional<Split> words_;
};

}  // namespace strata::text
