// The steps of a decoder from tokens to text, each a small state machine fed from the left.
//
// A step takes and gives tokens, which may come in several parts; `last` marks a token's last one.
// So steps that make one token of all (Fuse, ByteLevel) give text before all tokens have come.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/regex.hpp"

namespace strata::text {

class Decoding {
 public:
  using Out = std::function<void(std::string_view part, bool last)>;

  virtual ~Decoding() = default;
  virtual void add(std::string_view part, bool last, const Out& out) = 0;
  // Tells the step that no more tokens come.
  virtual void finish(const Out&) {}
};

// A function that starts a step for one text.
using DecoderStep = std::function<std::unique_ptr<Decoding>()>;

// Joins the bytes of all tokens, spelled in the byte-level alphabet, into one token.
DecoderStep decode_byte_level();
// Turns adjacent <0x00> to <0xFF> into the characters of their bytes, or into one U+FFFD each.
DecoderStep decode_byte_fallback();
DecoderStep decode_fuse();
// Turns the sign into a space; drops it at the first token where it was prepended.
DecoderStep decode_metaspace(std::string sign, bool prepended);
DecoderStep decode_replace(Regex pattern, std::string content);
// Removes `content` from a token's beginning and end, at most `start` and `stop` times.
DecoderStep decode_strip(std::string content, std::size_t start, std::size_t stop);
DecoderStep decode_word_piece(std::string prefix, bool cleanup);
// Turns the suffix into a space; in the last token drops it.
DecoderStep decode_suffix(std::string suffix);
// Puts spaces between tokens, where a tokenizer has no decoder.
DecoderStep decode_join();

}  // namespace strata::text
