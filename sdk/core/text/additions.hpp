// What a folder's other files add to the tokenizer that its tokenizer.json, or a vocabulary,
// describes.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/text/added_tokens.hpp"

namespace strata::text {

// The special tokens around a text, by their content; none where nothing is there.
struct Ends {
  std::optional<std::string> begin, end;
};

struct Additions {
  std::vector<std::vector<AddedToken>> tokens = {};  // added in turn, after the description's own
  std::optional<Ends> ends = {};  // in the place of the description's post_processor
  bool split_special = false;     // special tokens inside a text are text like other
  // What the special tokens are called: "bos_token" and its content.
  std::vector<std::pair<std::string, std::string>> names = {};
};

}  // namespace strata::text
