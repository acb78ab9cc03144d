// Standard output, and the one line of an error.
#pragma once
#include <nlohmann/json.hpp>
#include <string_view>

namespace strata::host {

// Text as it is, handed on at once: text that streams is seen while it is made. Throws Error where
// it cannot be written (a full disk), and Ended where its reader went away.
void print(std::string_view text);

// One object on a line of its own; invalid UTF-8 in its strings is replaced.
void print_json(const nlohmann::json& object);

// "strata: ..." on standard error, of what a user wants to know after the run.
void print_note(std::string_view line);

// "error: ..." on standard error.
void print_error(std::string_view line);

}  // namespace strata::host
