// run.toml: parses its text into typed values and applies them to a command's options.
#pragma once
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "host/cli/command.hpp"

namespace strata::cli {

// The document as one JSON object: strings, integers, numbers, flags, lists, tables. A syntax error
// or a date is a UsageError that begins with `file` and names the line.
nlohmann::json parse_toml(std::string_view text, std::string_view file);

// The value of `text` as TOML writes it; other text becomes a string.
nlohmann::json parse_toml_value(std::string_view text);

// Sections of run.toml whose tables belong to plugins, by their kind: [offload.NAME].
std::span<const std::string_view> plugin_sections();

// Sets every key of the document. Keys of other commands are checked and skipped; an unknown key is
// rejected with the nearest known one.
void apply_toml(Call& call, const nlohmann::json& document, std::string_view file);

// Sets one key from "section.key=value".
void apply_set(Call& call, std::string_view assignment);

}  // namespace strata::cli
