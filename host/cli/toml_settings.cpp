// The keys of run.toml, in the settings.
#include <algorithm>

#include "core/error.hpp"
#include "host/cli/nearest.hpp"
#include "host/cli/options.hpp"
#include "host/cli/toml.hpp"

namespace strata::cli {
namespace {

using nlohmann::json;

bool is_plugin_section(std::string_view name) {
  const auto sections = plugin_sections();
  return std::find(sections.begin(), sections.end(), name) != sections.end();
}

[[noreturn]] void refuse_key(std::string_view who, const std::string& key) {
  auto keys = known_keys();
  throw UsageError(who, "unknown key '" + printable(key) + "'",
                   did_you_mean(key, keys, "`strata COMMAND --help` names the keys"));
}

[[noreturn]] void refuse_section(std::string_view who, const std::string& section) {
  std::vector<std::string> names;
  for (const auto& option : options())
    if (!option.key.empty()) names.emplace_back(option.key.substr(0, option.key.find('.')));
  for (const auto name : plugin_sections()) names.emplace_back(name);
  throw UsageError(who, "unknown section '" + printable(section) + "'",
                   did_you_mean(section, names, "`strata COMMAND --help` names the keys"));
}

constexpr std::string_view model_config = "config";  // the section whose keys are config.json's

constexpr std::ptrdiff_t most_levels = 32;

bool is_section(std::string_view name) {
  const auto all = options();
  return std::any_of(all.begin(), all.end(), [&](const Option& option) {
    return option.key.size() > name.size() && option.key.starts_with(name) &&
           option.key[name.size()] == '.';
  });
}

}  // namespace

void apply_toml(Settings& settings, const json& document, std::string_view file) {
  for (const auto& [section, members] : document.items()) {
    const bool of_plugins = is_plugin_section(section);
    if (!of_plugins && section != model_config && !is_section(section))
      refuse_section(file, section);
    if (!members.is_object())
      throw UsageError(file, "'" + section + "' is no section", "write [" + section + "]");
    if (section == model_config) settings.config_keys.merge_patch(members);
    for (const auto& [name, value] : members.items()) {
      if (section == model_config) break;
      const auto key = section + "." + name;
      if (of_plugins && value.is_object()) {
        settings.plugin_tables[key].update(value);
        continue;
      }
      const auto* option = find_by_key(key);
      if (!option) refuse_key(file, key);
      assign(settings, *option, value, std::string(file) + ": " + key);
    }
  }
}

void apply_set(Settings& settings, std::string_view assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos)
    throw UsageError("--set", "'" + printable(assignment) + "' has no '='",
                     "write section.key=value");
  const std::string key(assignment.substr(0, equals));
  const auto text = assignment.substr(equals + 1);
  if (const auto* option = find_by_key(key)) {
    const auto who = "--set " + key;
    return assign(settings, *option, typed(*option, text, who), who);
  }
  if (key.starts_with("config.")) {
    if (std::ranges::count(key, '.') > most_levels)
      throw UsageError("--set", "'" + printable(key) + "' has too many levels", "give fewer");
    json patch = parse_toml_value(text);
    for (auto rest = key; rest.find('.') != rest.npos; rest.resize(rest.rfind('.')))
      patch = json{{rest.substr(rest.rfind('.') + 1), patch}};
    settings.config_keys.merge_patch(patch);
    return;
  }
  const auto first = key.find('.'), last = key.rfind('.');
  if (first == std::string::npos || first == last || !is_plugin_section(key.substr(0, first)))
    refuse_key("--set", key);
  settings.plugin_tables[key.substr(0, last)][key.substr(last + 1)] = parse_toml_value(text);
}

}  // namespace strata::cli
