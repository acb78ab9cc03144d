// The text of ids that arrive one by one, up to the first of the texts that end it.
#pragma once
#include <string>
#include <vector>

#include "core/text/text_stream.hpp"

namespace strata::text {

// What `add` and `finish` give, one after the other, is the text before the stop text that begins
// first; without one, the text of all ids. A stop text is looked for in the text with its special
// tokens, which what is given leaves out. One thread at a time; the tokenizer outlives this.
class StoppingText {
 public:
  // No stop text is empty.
  StoppingText(const Tokenizer& tokenizer, std::vector<std::string> stops)
      : tokenizer_(tokenizer), shown_(tokenizer, true), whole_(tokenizer, false),
        stops_(std::move(stops)) {}

  // What `id` makes certain: what could become a stop text waits. An id without a token, as rows
  // that fill up a model's table have, gives no text.
  std::string add(int32_t id);
  // What still waits.
  std::string finish();
  // A stop text is there: nothing more is given.
  bool stopped() const { return stopped_; }

 private:
  // What an id gave: as it is given, and as it is looked through.
  struct Part {
    std::string shown, whole;
  };
  std::string take(Part part);
  std::string release(std::size_t bytes);

  const Tokenizer& tokenizer_;
  TextStream shown_, whole_;
  std::vector<std::string> stops_;
  std::vector<Part> parts_;  // what waits
  std::string waiting_;      // the whole texts of the parts
  bool stopped_ = false;
};

}  // namespace strata::text
