// What the values of tokenizer.ggml.pre stand for: how a text is cut into words before its BPE.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "core/text/description.hpp"

namespace strata::text {

struct GgufStyle {
  std::string_view names;                        // values that mean it, with a space between them
  std::span<const std::string_view> patterns{};  // one after the other
  // Patterns on bytes as GPT-2 spells them, after the words.
  std::span<const std::string_view> spelled{};
  bool words = false;  // GPT-2's words, after the patterns
  bool signs = false;  // no bytes but characters, with sentencepiece's sign for a space
  bool nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;  // where the file does not say
};

// Null where the name is not known.
const GgufStyle* gguf_style(std::string_view pre);
// The names that are, for an error.
std::string known_gguf_styles();

// The steps of a style that spells bytes; a text may get a space in front of it.
Description pre_tokenizer_of(const GgufStyle& style, bool prefix_space = false);

}  // namespace strata::text
