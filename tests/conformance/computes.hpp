// The subject of a conformance program of a kind that computes: it runs over the core's own host.
#pragma once
#include <strata/plugin.hpp>
#include <string>
#include <vector>

// One [[configuration]] of the folder's conformance.toml, or one [[refused]].
struct Configuration {
  std::string name, json;
  std::string says;  // a refused one's words
};

struct Computes {
  const strata_plugin* plugin = nullptr;
  std::vector<Configuration> taken, refused;
};

// Set by main before the tests run.
Computes& computes();
