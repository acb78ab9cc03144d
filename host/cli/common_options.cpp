#include "host/cli/common_options.hpp"

namespace strata::cli {

void add_plugin_paths(Table& table, CommonOptions& options) {
  table.push_back({"plugin", "plugins.paths", &options.plugin_paths, "PATH",
                   "path of a plugin outside the installation; may be repeated"});
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
                   .help = "print more on standard error",
                   .letter = 'v'});
  table.push_back({"", "plugins.allow", &options.plugins_allow, "NAMES",
                   "names of plugins from outside the installation that may be loaded"});
  table.push_back(
      {"", "plugins.patience", &options.plugin_patience, "SECONDS",
       "time limit for one call of a plugin, and for a tier that finishes no transfer; 0: no limit",
       "", 0, 86400});
}

}  // namespace strata::cli
