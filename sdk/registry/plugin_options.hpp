// The keys of a plugin's own table in run.toml, checked against what the plugin declares.
#pragma once
#include <strata/abi/core.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "registry/registry.hpp"

namespace strata::registry {

// The plugins' own options as the user wrote them, by "kind.name": {"offload.NAME": {"key":
// value}}.
using PluginTables = std::map<std::string, nlohmann::json>;

struct PluginOption {
  std::string key, type, fallback, help;  // as strata_option
};

using EmitOptions = void (*)(void (*emit)(void*, const strata_option*), void*);

// The options that the function `options` of plugin `who` ("offload/mine") emits; none without that
// function. Throws Error if an option has no key or a type that strata_option does not name.
std::vector<PluginOption> declared_options(const std::string& who, EmitOptions options);

// The table `section` ("offload.NAME") in the plugin's types: known keys of the declared type,
// sizes as integers. Throws UsageError; for an unknown key it names the nearest known one.
nlohmann::json checked_options(const std::string& section, const nlohmann::json& table,
                               const std::vector<PluginOption>& declared);

// The raw table of a plugin; an empty object if the user wrote none.
nlohmann::json raw_options(const PluginTables& tables, const Candidate& candidate);

// Refuses tables of plugins that do not exist, with the nearest known name.
void check_plugin_tables(const PluginTables& tables, const Registry& registry);

}  // namespace strata::registry
