// Applies the keys of run.toml to the options of a command.
#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "host/cli/toml.hpp"

namespace strata::cli {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> sections{"attention", "model", "offload"};

bool is_plugin_section(std::string_view name) {
  return std::find(sections.begin(), sections.end(), name) != sections.end();
}

[[noreturn]] void refuse_key(std::string_view who, const std::string& key) {
  auto keys = known_keys();
  throw UsageError(who, "unknown key '" + printable(key) + "'",
                   did_you_mean(key, keys, "`strata COMMAND --help` names the keys"));
}

[[noreturn]] void refuse_section(std::string_view who, const std::string& section) {
  std::vector<std::string> names;
  for (const auto& key : known_keys()) names.push_back(key.substr(0, key.find('.')));
  for (const auto name : sections) names.emplace_back(name);
  throw UsageError(who, "unknown section '" + printable(section) + "'",
                   did_you_mean(section, names, "`strata COMMAND --help` names the keys"));
}

constexpr std::string_view model_config = "config";  // the section whose keys are config.json's

constexpr std::ptrdiff_t most_levels = 32;

// Whether a key of the call or of another command is in the section.
bool is_section(const Call& call, std::string_view name) {
  const auto within = [&](std::string_view key) {
    return key.size() > name.size() && key.starts_with(name) && key[name.size()] == '.';
  };
  return std::ranges::any_of(call.table(), within, &Option::key) ||
         std::ranges::any_of(known_keys(), within);
}

// Sets the option of this key to the result of `value`; returns false if no command has the key.
template <class Value>
bool set_key(Call& call, const std::string& key, const std::string& who, const Value& value) {
  if (const auto* option = find_by_key(call.table(), key)) {
    assign(*option, value(*option), who);
    call.common().given.insert(key);
    return true;
  }
  // An option of another command is checked too.
  const auto other = call_with_key(key);
  if (!other) return false;
  const auto& option = *find_by_key(other->table(), key);
  assign(option, value(option), who);
  return true;
}

}  // namespace

std::span<const std::string_view> plugin_sections() { return sections; }

void apply_toml(Call& call, const json& document, std::string_view file) {
  for (const auto& [section, members] : document.items()) {
    const bool of_plugins = is_plugin_section(section);
    if (!of_plugins && section != model_config && !is_section(call, section))
      refuse_section(file, section);
    if (!members.is_object())
      throw UsageError(file, "'" + section + "' is no section", "write [" + section + "]");
    if (section == model_config) call.common().config_keys.merge_patch(members);
    for (const auto& [name, value] : members.items()) {
      if (section == model_config) break;
      const auto key = section + "." + name;
      if (of_plugins && value.is_object()) {
        call.common().plugin_tables[key].update(value);
        continue;
      }
      // clang 14 cannot capture a structured binding.
      const auto given = [&held = value](const Option&) { return held; };
      if (!set_key(call, key, std::string(file) + ": " + key, given)) refuse_key(file, key);
    }
  }
}

void apply_set(Call& call, std::string_view assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos)
    throw UsageError("--set", "'" + printable(assignment) + "' has no '='",
                     "write section.key=value");
  const std::string key(assignment.substr(0, equals));
  const auto text = assignment.substr(equals + 1);
  const auto who = "--set " + key;
  if (set_key(call, key, who, [&](const Option& option) { return typed(option, text, who); }))
    return;
  if (key.starts_with("config.")) {
    if (std::ranges::count(key, '.') > most_levels)
      throw UsageError("--set", "'" + printable(key) + "' has too many levels", "give fewer");
    json patch = parse_toml_value(text);
    for (auto rest = key; rest.find('.') != rest.npos; rest.resize(rest.rfind('.')))
      patch = json{{rest.substr(rest.rfind('.') + 1), patch}};
    call.common().config_keys.merge_patch(patch);
    return;
  }
  const auto first = key.find('.'), last = key.rfind('.');
  if (first == std::string::npos || first == last || !is_plugin_section(key.substr(0, first)))
    refuse_key("--set", key);
  call.common().plugin_tables[key.substr(0, last)][key.substr(last + 1)] = parse_toml_value(text);
}

}  // namespace strata::cli
