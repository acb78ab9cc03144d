// The messages of a conversation as templates see them.
#pragma once
#include <nlohmann/json.hpp>

namespace strata::text {

// The messages as transformers gives them: without null keys, and with a message's reasoning under
// each name that templates read.
nlohmann::ordered_json template_messages(const nlohmann::ordered_json& messages);

}  // namespace strata::text
