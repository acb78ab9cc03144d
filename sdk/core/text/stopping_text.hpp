// The text of ids that arrive one by one, up to the first of the texts that end it.
#pragma once
#include <string>
#include <vector>

#include "core/text/text_stream.hpp"

namespace strata::text {

// What `add` and `finish` give, one after the other, is the text before the stop text that begins
// first; without one, the text of all ids. One thread at a time; the tokenizer outlives this.
class StoppingText {
 public:
  // No stop text is empty. Special tokens are left out of the text.
  StoppingText(const Tokenizer& tokenizer, std::vector<std::string> stops)
      : tokenizer_(tokenizer), stream_(tokenizer, true), stops_(std::move(stops)) {}

  // What `id` makes certain: what could become a stop text waits. An id without a token, as rows
  // that fill up a model's table have, gives no text.
  std::string add(int32_t id);
  // What still waits.
  std::string finish();
  // A stop text is there: nothing more is given.
  bool stopped() const { return stopped_; }

 private:
  std::string take(std::string text);

  const Tokenizer& tokenizer_;
  TextStream stream_;
  std::vector<std::string> stops_;
  std::string waiting_;
  bool stopped_ = false;
};

}  // namespace strata::text
