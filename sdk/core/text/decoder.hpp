// From tokens to text: the steps of a decoder, each a small machine that is fed from the left.
//
// A step takes and gives tokens, which may come in several parts; `last` marks a token's last one.
// Steps that make one token of all (Fuse, ByteLevel) thus give text before all tokens are there.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/regex.hpp"

namespace strata::text {

class Decoding {
 public:
  using Out = std::function<void(std::string_view part, bool last)>;

  virtual ~Decoding() = default;
  virtual void add(std::string_view part, bool last, const Out& out) = 0;
  // No token comes any more.
  virtual void finish(const Out&) {}
};

// Starts a step for one text.
using DecoderStep = std::function<std::unique_ptr<Decoding>()>;

// Tokens are joined as their bytes, spelled in the byte-level alphabet; one token comes out.
DecoderStep decode_byte_level();
// Neighbours <0x00> to <0xFF> become the characters of their bytes, or a U+FFFD each.
DecoderStep decode_byte_fallback();
DecoderStep decode_fuse();
// The sign becomes a space; in the first token it falls away where it was prepended.
DecoderStep decode_metaspace(std::string sign, bool prepended);
DecoderStep decode_replace(Regex pattern, std::string content);
// Takes as many `content` off a token's beginning and end as there are, at most `start` and `stop`.
DecoderStep decode_strip(std::string content, std::size_t start, std::size_t stop);
DecoderStep decode_word_piece(std::string prefix, bool cleanup);
// The suffix becomes a space, in the last token nothing.
DecoderStep decode_suffix(std::string suffix);
// Spaces between tokens, where a tokenizer has no decoder.
DecoderStep decode_join();

}  // namespace strata::text
