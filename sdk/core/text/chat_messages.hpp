// The messages of a conversation as templates see them.
#pragma once
#include <nlohmann/json.hpp>

namespace strata::text {

// As transformers gives them: a key that is null is left out, and what a message says of its
// reasoning stands under each name that templates read.
nlohmann::ordered_json template_messages(const nlohmann::ordered_json& messages);

}  // namespace strata::text
