// JSON as the formats of checkpoints use it, read strictly.
#pragma once
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

namespace strata::source {

using Json = nlohmann::json;

// The value that `text` holds. Throws Error with `who` first: not JSON (with the byte), a key twice
// in one object, objects and lists nested deeper than `depth`.
Json parse_json(std::string_view text, std::string_view who, std::size_t depth = 64);

}  // namespace strata::source
