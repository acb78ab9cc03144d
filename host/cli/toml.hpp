// run.toml: its text as typed values, and those in the settings.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "host/cli/settings.hpp"

namespace strata::cli {

// The document as one JSON object: strings, integers, numbers, flags, lists, tables. A syntax error
// or a date is a UsageError that begins with `file` and names the line.
nlohmann::json parse_toml(std::string_view text, std::string_view file);

// The value of `text` as TOML writes it; text that is no such value stands for itself.
nlohmann::json parse_toml_value(std::string_view text);

// Sets every key of the document. Unknown keys are refused with the nearest known one.
void apply_toml(Settings& settings, const nlohmann::json& document, std::string_view file);

// Sets one key from "section.key=value".
void apply_set(Settings& settings, std::string_view assignment);

// The text of a file of at most 1 MiB; otherwise a UsageError.
std::string read_config_file(const std::string& file);

}  // namespace strata::cli
