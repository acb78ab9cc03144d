// What the values of tokenizer.ggml.pre stand for: how byte-level BPE cuts a text into words.
#pragma once
#include <string>
#include <string_view>

namespace strata::text {

struct GgufStyle {
  std::string_view pre;
  const std::string_view* patterns;  // one after the other; an empty one ends them
  bool words = false;                // GPT-2's words, after the patterns
  bool nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;  // where the file does not say
};

// Null where the name is not known.
const GgufStyle* gguf_style(std::string_view pre);
// The names that are, for an error.
std::string known_gguf_styles();

}  // namespace strata::text
