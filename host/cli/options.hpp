// The one table of options. The command line, run.toml, --set, --help and docs/configuration.md are
// all made from it.
#pragma once
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/cli/settings.hpp"

namespace strata::cli {

// Which field of the settings an option fills; the field's type is the option's type.
using Field =
    std::variant<bool Settings::*, std::string Settings::*, std::optional<std::string> Settings::*,
                 std::vector<std::string> Settings::*, std::int64_t Settings::*, double Settings::*,
                 std::optional<std::uint64_t> Settings::*, std::vector<Ids> Settings::*,
                 std::optional<Ids> Settings::*>;

struct Option {
  std::string_view name;  // on the command line without its dashes: "device-memory"
  std::string_view key;   // in TOML: "run.device_memory"; empty: not in TOML
  Field field;
  unsigned commands;       // bits, see bit()
  std::string_view value;  // what --help calls the value; "a|b": with `closed`, exactly these
  std::string_view help;
  std::string_view unset{};  // what an empty field means, for --help
  double low = 0, high = std::numeric_limits<double>::max();  // bounds of a number, both allowed
  bool closed = false;
  char letter = 0;
};

constexpr unsigned bit(Command command) { return 1U << static_cast<unsigned>(command); }

struct CommandInfo {
  Command id;
  std::string_view words;     // "plugins list"
  std::string_view synopsis;  // after the words
  std::string_view summary;
  std::string_view positional{};  // the option that stands without its name
};

// What exists.
std::span<const Option> options();
std::span<const CommandInfo> commands();

// What is known and does not exist yet: the name ("--ranks", "doctor") and what to do instead.
struct Later {
  std::string_view name, remedy;
};
std::span<const Later> later();

// Sections of run.toml whose tables belong to plugins, by their kind: [offload.NAME].
std::span<const std::string_view> plugin_sections();

const Option* find_by_name(std::string_view name);
const Option* find_by_key(std::string_view key);
const CommandInfo& info(Command command);

// Every key that run.toml may hold, and every command's words.
std::vector<std::string> known_keys();
std::vector<std::string> known_commands();

// Sets the option's field from a typed value, as TOML gives it. `who` begins the UsageError.
void assign(Settings& settings, const Option& option, const nlohmann::json& value,
            std::string_view who);
// The typed value of text from the command line or --set.
nlohmann::json typed(const Option& option, std::string_view text, std::string_view who);

// The default in words, and the type: "text", "flag", "integer", "number", "size", "list".
std::string default_text(const Option& option);
std::string_view type_text(const Option& option);
bool is_flag(const Option& option);
bool is_list(const Option& option);

}  // namespace strata::cli
