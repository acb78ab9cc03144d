// Converts values of a ds_config to the types of their keys.
#pragma once
#include <nlohmann/json.hpp>

#include "host/deepspeed/fields.hpp"

namespace strata::deepspeed {

// The value converted to the type; discarded if it cannot be converted. A flag may be the text
// "true" or "false", an integer may be 5e8. `lax` converts as pydantic does in DeepSpeed's
// sections: numbers as text ("3", "1_000", "0.5"), flags as 0, 1, "yes", "off" and their like,
// flags as numbers, one text as a list.
nlohmann::json converted(Type type, const nlohmann::json& value, bool lax);

}  // namespace strata::deepspeed
