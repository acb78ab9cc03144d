// The pre-tokenizers behind the values of tokenizer.ggml.pre: each cuts a text into words for BPE.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "text/description.hpp"

namespace strata::text {

struct GgufStyle {
  std::string_view names;                        // values that mean it, separated by spaces
  std::span<const std::string_view> patterns{};  // one after the other
  // Patterns over bytes as GPT-2 spells them, after the words.
  std::span<const std::string_view> spelled{};
  bool words = false;  // GPT-2's words, after the patterns
  bool signs = false;  // characters instead of bytes, with sentencepiece's sign for a space
  bool nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;  // for a file without the key
};

// The style of a name; null for an unknown one.
const GgufStyle* gguf_style(std::string_view pre);
// The known names, for an error.
std::string known_gguf_styles();

// The steps of a style that spells bytes; `prefix_space` puts a space in front of a text.
Description pre_tokenizer_of(const GgufStyle& style, bool prefix_space = false);

}  // namespace strata::text
