// The text of ids that arrive one by one.
#pragma once
#include <cstdint>
#include <string>

#include "text/tokenizer.hpp"

namespace strata::text {

// Together, `add` and `finish` give the same text as Tokenizer::decode for all ids. For one thread
// at a time; the tokenizer outlives the stream.
class TextStream {
 public:
  TextStream(const Tokenizer& tokenizer, bool skip_special);

  // Returns the text that is certain after `id`: a character waits for its missing bytes, and so
  // does text that a later token may change. Throws strata::Error where the id has no token.
  std::string add(int32_t id);
  // Returns the text that still waits, broken characters as U+FFFD, and starts anew.
  std::string finish();

 private:
  void start();
  void pass(std::size_t step, std::string_view part, bool last, std::string& text);

  const Tokenizer& tokenizer_;
  bool skip_special_;
  std::vector<std::unique_ptr<Decoding>> steps_;
};

}  // namespace strata::text
