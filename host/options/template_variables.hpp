// The option --chat-template-kwargs.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/cli/option.hpp"

namespace strata::host {

void add_template_variables(cli::Table& table, std::optional<std::string>& variables);

// The variables of the option's JSON object; an empty object without the option. Throws UsageError
// if it is no object, or has a key that only the conversation may give.
nlohmann::ordered_json template_variables(const std::optional<std::string>& text);

}  // namespace strata::host
