// A plugin that might be used: found by its manifest, not opened.
#pragma once
#include <filesystem>
#include <string>

#include "host/registry/manifest.hpp"

namespace strata::registry {

// Where a candidate was found, the first wins.
enum class Origin { named, environment, user, system, built_in };

struct Candidate {
  Manifest manifest;  // kind and name alone, taken from the file's name, where it was refused
  std::filesystem::path manifest_file, library;  // absolute
  Origin origin = Origin::built_in;
  std::string refused;  // why it cannot be used; empty where it can
  std::string lost;     // why it is not the one used; empty where it may be

  bool usable() const { return refused.empty() && lost.empty(); }
  std::string id() const { return manifest.kind + "/" + manifest.name; }
};

std::string_view origin_text(Origin origin);

}  // namespace strata::registry
