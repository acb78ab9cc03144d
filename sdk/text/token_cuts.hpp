// Places in a text among the ids of the whole text, as a loss mask needs them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/tokenizer.hpp"

namespace strata::text {

// A place between two bytes: the ids below `before` stand for text before it, those from `after` on
// for text behind it. An id between the two stands for text on both sides.
struct TokenCut {
  std::size_t before, after;
};

struct CutText {
  std::vector<std::int32_t> ids;  // those of Tokenizer::encode
  std::vector<TokenCut> cuts;     // one a place
};

// Encodes `text` and finds `places`, which are in ascending order and not inside a character.
// Throws Error as encode does, and where the ids of a text that its tokenizer changes cannot be
// laid beside it.
CutText encode_cut(const Tokenizer& tokenizer, std::string_view text,
                   std::span<const std::size_t> places, bool special);

}  // namespace strata::text
