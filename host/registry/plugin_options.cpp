#include "host/registry/plugin_options.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "host/cli/nearest.hpp"
#include "host/cli/size.hpp"

namespace strata::registry {
namespace {

using nlohmann::json;

std::string copy(strata_str s) { return s.p ? std::string(s.p, s.n) : std::string(); }

// The value as the declared type, or a discarded one where it is none of it.
json as_type(const json& value, const std::string& type) {
  json none(json::value_t::discarded);
  if (type == "integer") return value.is_number_integer() ? value : none;
  if (type == "number") return value.is_number() ? value : none;
  if (type == "flag") return value.is_boolean() ? value : none;
  if (type == "text") return value.is_string() ? value : none;
  if (type != "size") return none;
  if (value.is_number_integer() && value >= 0) return value;
  if (!value.is_string()) return none;
  const auto bytes = cli::parse_size(value.get_ref<const std::string&>());
  return bytes ? json(*bytes) : none;
}

}  // namespace

std::vector<PluginOption> declared_options(EmitOptions options) {
  std::vector<PluginOption> out;
  if (!options) return out;
  options(
      [](void* list, const strata_option* option) {
        static_cast<std::vector<PluginOption>*>(list)->push_back(
            {copy(option->key), copy(option->type), copy(option->fallback), copy(option->help)});
      },
      &out);
  return out;
}

json checked_options(const std::string& section, const json& table,
                     const std::vector<PluginOption>& declared) {
  std::vector<std::string> keys;
  for (const auto& option : declared) keys.push_back(option.key);
  auto out = json::object();
  for (const auto& [key, value] : table.items()) {
    const auto at = std::find(keys.begin(), keys.end(), key);
    if (at == keys.end())
      throw UsageError(section, "unknown key '" + printable(key) + "'",
                       cli::did_you_mean(key, keys, "the plugin knows no such key"));
    const auto& type = declared[static_cast<std::size_t>(at - keys.begin())].type;
    out[key] = as_type(value, type);
    if (out[key].is_discarded())
      throw UsageError(section, "'" + key + "' is no " + type,
                       type == "size" ? "write it as 512MiB" : "give a value of that type");
  }
  return out;
}

json raw_options(const cli::PluginTables& tables, const Candidate& candidate) {
  const auto at = tables.find(candidate.manifest.kind + "." + candidate.manifest.name);
  return at == tables.end() ? json::object() : at->second;
}

void check_plugin_tables(const cli::PluginTables& tables, const Registry& registry) {
  std::vector<std::string> known;
  for (const auto& candidate : registry.candidates())
    known.push_back(candidate.manifest.kind + "." + candidate.manifest.name);
  for (const auto& [section, table] : tables)
    if (std::find(known.begin(), known.end(), section) == known.end())
      throw UsageError("settings", "[" + printable(section) + "] belongs to no plugin",
                       cli::did_you_mean(section, known, "see `strata plugins list`"));
}

}  // namespace strata::registry
