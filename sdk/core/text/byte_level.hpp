// The alphabet of byte-level vocabularies, as GPT-2 laid it down: each byte is spelled by one
// visible character. Printable Latin-1 stands for itself, the other 68 bytes, in order, for U+0100
// and on.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace strata::text {

// The spelling of bytes in the alphabet, as UTF-8.
std::string spell(std::string_view bytes);
// The bytes that a spelling means, or none where it has a character outside the alphabet.
std::optional<std::string> unspell(std::string_view spelling);

}  // namespace strata::text
