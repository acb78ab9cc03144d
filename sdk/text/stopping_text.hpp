// The text of ids that arrive one by one, up to the first stop text.
#pragma once
#include <string>
#include <vector>

#include "text/text_stream.hpp"

namespace strata::text {

// Together, `add` and `finish` give the text before the stop text that begins first; without one,
// the text of all ids. The search for stop texts includes special tokens; the returned text leaves
// them out. For one thread at a time; the tokenizer outlives this.
class StoppingText {
 public:
  // No stop text is empty.
  StoppingText(const Tokenizer& tokenizer, std::vector<std::string> stops)
      : tokenizer_(tokenizer), shown_(tokenizer, true), whole_(tokenizer, false),
        stops_(std::move(stops)) {}

  // Returns the text that is certain after `id`: text that could become a stop text waits. An id
  // without a token, as padding rows of a model's table have, gives no text.
  std::string add(int32_t id);
  // Returns the text that still waits.
  std::string finish();
  // Whether a stop text has come: no more text follows.
  bool stopped() const { return stopped_; }

 private:
  // The text of an id: the shown one, and the whole one to search.
  struct Part {
    std::string shown, whole;
  };
  std::string take(Part part);
  std::string release(std::size_t bytes);

  const Tokenizer& tokenizer_;
  TextStream shown_, whole_;
  std::vector<std::string> stops_;
  std::vector<Part> parts_;  // the parts that wait
  std::string waiting_;      // the whole texts of the parts
  bool stopped_ = false;
};

}  // namespace strata::text
