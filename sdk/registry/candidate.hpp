// A plugin that might be used: found by its manifest, not opened.
#pragma once
#include <filesystem>
#include <string>

#include "registry/manifest.hpp"

namespace strata::registry {

// The origin of a candidate; the first in this list wins.
enum class Origin { named, environment, user, system, built_in };

struct Candidate {
  Manifest manifest;  // only kind and name, from the file's name, if it was refused
  std::filesystem::path manifest_file, library;  // absolute
  Origin origin = Origin::built_in;
  std::string refused;  // why it cannot be used; empty if it can
  std::string lost;     // why another one is used; empty if none is preferred

  bool usable() const { return refused.empty() && lost.empty(); }
  std::string id() const { return manifest.kind + "/" + manifest.name; }
};

std::string_view origin_text(Origin origin);

}  // namespace strata::registry
