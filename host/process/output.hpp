// Standard output, and the one line of an error.
#pragma once
#include <nlohmann/json.hpp>
#include <string_view>

namespace strata::host {

// Writes the text unchanged and unbuffered, so that streamed text is visible while it is made.
// Throws Error if it cannot be written (a full disk), and Ended if its reader closed the pipe.
void print(std::string_view text);

// Prints one object on a line of its own; invalid UTF-8 in its strings is replaced.
void print_json(const nlohmann::json& object);

// Prints "strata: ..." on standard error: a fact that a user wants to know after the run.
void print_note(std::string_view line);

// Prints "error: ..." on standard error.
void print_error(std::string_view line);

}  // namespace strata::host
