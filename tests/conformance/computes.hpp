// The plugin under test in a conformance program of a kind that computes; it runs over the core's
// own host.
#pragma once
#include <strata/plugin.hpp>
#include <string>
#include <vector>

// One [[configuration]] of the folder's conformance.toml, or one [[refused]].
struct Configuration {
  std::string name, json;
  std::string says;  // words of the error of a refused one
};

struct Computes {
  const strata_plugin* plugin = nullptr;
  std::vector<Configuration> taken, refused;
  std::vector<Configuration> recognized;  // [[recognized]] of a codec: `json` is the whole entry
};

// Set by main before the tests run.
Computes& computes();

// The name that the plugin's entry gives, for the messages about it.
std::string plugin_name();
