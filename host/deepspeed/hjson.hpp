// Hjson (https://hjson.github.io), JSON with comments, as DeepSpeed reads its configuration: commas
// may be missing or follow the last value, keys and texts may stand without quotes, a root object
// without braces, texts of several lines between '''.
#pragma once
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace strata::deepspeed {

// Thrown for text that is no Hjson; `at` is the offset in bytes, from 0.
struct NotHjson {
  std::size_t at;
  std::string words;
};

// The value of the text. A text of nothing but white space and comments is an empty object. Throws
// NotHjson, also for a duplicate key in an object, which DeepSpeed refuses.
nlohmann::json parse_hjson(std::string_view text);

}  // namespace strata::deepspeed
