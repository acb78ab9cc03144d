#include "host/cli/common_options.hpp"

namespace strata::cli {

void add_plugin_paths(Table& table, CommonOptions& options) {
  table.push_back({"plugin", "plugins.paths", &options.plugin_paths, "PATH",
                   "a plugin that lies elsewhere, which may be loaded; may be repeated"});
}

void add_common(Table& table, CommonOptions& options) {
  table.push_back({"config", "", &options.config, "FILE", "read settings from this TOML file"});
  table.push_back({"set", "", &options.set, "SECTION.KEY=VALUE",
                   "set any key of the TOML file; may be repeated"});
  table.push_back({"json", "run.json", &options.json, "", "print one JSON object"});
  table.push_back({.name = "verbose",
                   .key = "run.verbose",
                   .field = &options.verbose,
                   .value = "",
                   .help = "say more, on standard error",
                   .letter = 'v'});
  table.push_back({"", "plugins.allow", &options.plugins_allow, "NAMES",
                   "names of plugins from outside the installation that may be loaded"});
  table.push_back({"", "plugins.patience", &options.plugin_patience, "SECONDS",
                   "how long a plugin may not return, or a tier finish nothing; 0: for ever", "", 0,
                   86400});
}

}  // namespace strata::cli
