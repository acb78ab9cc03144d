// The text of ids that arrive one by one.
#pragma once
#include <cstdint>
#include <string>

#include "core/text/tokenizer.hpp"

namespace strata::text {

// What `add` and `finish` give, one after the other, is what Tokenizer::decode gives for all ids.
// One thread at a time; the tokenizer outlives the stream.
class TextStream {
 public:
  TextStream(const Tokenizer& tokenizer, bool skip_special);

  // The text that `id` makes certain: a character whose bytes are not all here waits, and what a
  // later token may change. Throws strata::Error where the id has no token.
  std::string add(int32_t id);
  // What still waits, broken characters as U+FFFD. The stream then starts anew.
  std::string finish();

 private:
  void start();
  void pass(std::size_t step, std::string_view part, bool last, std::string& text);

  const Tokenizer& tokenizer_;
  bool skip_special_;
  std::vector<std::unique_ptr<Decoding>> steps_;
};

}  // namespace strata::text
