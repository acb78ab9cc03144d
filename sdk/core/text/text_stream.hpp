// The text of ids that arrive one by one.
#pragma once
#include <cstdint>
#include <string>

#include "core/text/tokenizer.hpp"
#include "core/text/utf8.hpp"

namespace strata::text {

// What `add` and `finish` give, one after the other, is what Tokenizer::decode gives for all ids.
// One thread at a time; the tokenizer outlives the stream.
class TextStream {
 public:
  TextStream(const Tokenizer& tokenizer, bool skip_special)
      : tokenizer_(tokenizer), skip_special_(skip_special) {}

  // The text that `id` makes certain: a character whose bytes are not all here waits. Throws
  // strata::Error where the id has no token.
  std::string add(int32_t id);
  // What still waits, as U+FFFD. The stream then starts anew.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_;
  LossyUtf8 utf8_;
};

}  // namespace strata::text
