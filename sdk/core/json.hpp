// Strict reading of JSON, as the formats of checkpoints use it.
#pragma once
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace strata {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// The error for a text that is no JSON at this byte, counted from 1.
class NotJson : public Error {
 public:
  NotJson(std::string_view who, std::size_t byte,
          std::string_view remedy = "the file is damaged; fetch it again")
      : Error(who, "not JSON at byte " + std::to_string(byte), remedy), byte_(byte) {}
  std::size_t byte() const { return byte_; }

 private:
  std::size_t byte_;
};

// The limits of a file's JSON, and the advice of the errors.
struct JsonRules {
  std::size_t depth = 64;    // the most levels of objects and lists
  bool last_counts = false;  // of equal keys in one object; else a key that occurs twice is refused
  std::string_view remedy = "the file is damaged; fetch it again";
};

// Parses `text`. Throws NotJson, and Error beginning with `who` for a number that no double holds
// and for what the rules forbid.
Json parse_json(std::string_view text, std::string_view who, const JsonRules& rules = {});
// Does the same with the keys in the text's order.
OrderedJson parse_ordered_json(std::string_view text, std::string_view who,
                               const JsonRules& rules = {});

// Parses a file that people write, as Python's json reads it: the last of two equal keys counts,
// and Infinity, -Infinity and NaN are numbers, here {"__float__": "NaN"} as transformers writes
// them.
Json parse_settings(std::string_view text, std::string_view who, std::size_t depth = 64);

}  // namespace strata
