// An option: how it is written, and the field of a command's own struct that it fills. The command
// line, run.toml, --set, --help and docs/configuration.md are all made from tables of these.
#pragma once
#include <array>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace strata::cli {

using Ids = std::vector<std::int32_t>;

// The field's type is the option's type, and its value before anything is assigned the default.
using Field =
    std::variant<bool*, std::string*, std::optional<std::string>*, std::vector<std::string>*,
                 std::int64_t*, double*, std::optional<std::uint64_t>*, std::vector<Ids>*,
                 std::optional<Ids>*, std::array<double, 2>*>;

// The value of a flag that is written out: `--shuffle off`.
inline constexpr std::string_view on_off = "on|off";

struct Option {
  std::string_view name;  // on the command line without its dashes: "device-memory"
  std::string_view key;   // in TOML: "run.device_memory"; empty: not in TOML
  Field field;
  // The value's name in --help; "a|b": with `closed`, exactly these. A flag with `on_off` takes one
  // of its words; other flags have no value and are on where they are given.
  std::string_view value;
  std::string_view help;
  std::string_view unset{};  // the meaning of an empty field, for --help
  double low = 0, high = std::numeric_limits<double>::max();  // bounds of a number
  bool closed = false;
  char letter = 0;
  bool above = false, below = false;  // the bound itself is not allowed: low, high
  // It asks for something that does not exist yet: no help has it, and the program refuses it by
  // its name.
  bool later = false;
};

// The options of one command, in the order of its --help.
using Table = std::vector<Option>;

const Option* find_by_name(const Table& table, std::string_view name);
const Option* find_by_key(const Table& table, std::string_view key);

// Sets the option's field from a typed value, as TOML gives it. `who` begins the UsageError.
void assign(const Option& option, const nlohmann::json& value, std::string_view who);
// The typed value of text from the command line or --set.
nlohmann::json typed(const Option& option, std::string_view text, std::string_view who);

// The shortest decimal text that is this number.
std::string number_text(double value);
// The field's value in words, which is the default until it is assigned, and the type: "text",
// "flag", "integer", "number", "size", "list of text", "two numbers".
std::string default_text(const Option& option);
std::string_view type_text(const Option& option);
// Whether the option takes no value.
bool is_flag(const Option& option);
bool is_list(const Option& option);

}  // namespace strata::cli
