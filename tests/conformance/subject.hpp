// The plugin under test in a conformance program, and its configurations.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tests/conformance/mini_host.hpp"

// One [[run]] of the folder's conformance.toml.
struct Run {
  std::string name = "defaults";
  strata_config options;  // "${scratch}" in a text is the program's own empty folder
  bool stores = true;     // false: the tier does not keep written bytes (null)
};

struct Subject {
  const strata_plugin* plugin = nullptr;
  std::filesystem::path file, scratch;
  std::vector<Run> runs;
};

// Set by main before the tests run.
Subject& subject();

// A new, empty folder under the working directory, which is on a disk where /tmp may not be.
std::filesystem::path make_scratch();
