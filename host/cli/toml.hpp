// run.toml: its text as typed values, and those in a command's options.
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

// The value of `text` as TOML writes it; text that is no such value stands for itself.
nlohmann::json parse_toml_value(std::string_view text);

// Sections of run.toml whose tables belong to plugins, by their kind: [offload.NAME].
std::span<const std::string_view> plugin_sections();

// Sets every key of the document. Keys of other commands are checked and passed over, unknown ones
// refused with the nearest known one.
void apply_toml(Call& call, const nlohmann::json& document, std::string_view file);

// The same with one key from "section.key=value".
void apply_set(Call& call, std::string_view assignment);

// The text of a file of at most 1 MiB; otherwise a UsageError.
std::string read_config_file(const std::string& file);

}  // namespace strata::cli
