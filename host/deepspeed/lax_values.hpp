// Values of a ds_config as their keys' types.
#pragma once
#include <nlohmann/json.hpp>

#include "host/deepspeed/fields.hpp"

namespace strata::deepspeed {

// The value as the type; discarded where it is none. A flag may be the text "true" or "false", an
// integer may be 5e8. `lax`: as pydantic takes it in DeepSpeed's sections: numbers as text ("3",
// "1_000", "0.5"), flags as 0, 1, "yes", "off" and their like, flags as numbers.
nlohmann::json converted(Type type, const nlohmann::json& value, bool lax);

}  // namespace strata::deepspeed
