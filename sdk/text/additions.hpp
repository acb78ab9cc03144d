// The additions of a folder's other files to the tokenizer that its tokenizer.json, or a
// vocabulary, describes.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/added_tokens.hpp"

namespace strata::text {

// The special tokens around a text, by their content; none where there is no such token.
struct Ends {
  std::optional<std::string> begin, end;
};

struct Additions {
  std::vector<std::vector<AddedToken>> tokens = {};  // added in turn, after the description's own
  std::optional<Ends> ends = {};                     // in place of the description's post_processor
  bool split_special = false;  // special tokens inside a text count as plain text
  // The names of the special tokens: "bos_token" and its content.
  std::vector<std::pair<std::string, std::string>> names = {};
};

}  // namespace strata::text
