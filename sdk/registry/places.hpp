// The folders that are searched for plugins. The working directory, LD_LIBRARY_PATH and a model's
// folder are never among them.
#pragma once
#include <filesystem>
#include <vector>

#include "registry/candidate.hpp"

namespace strata::registry {

struct Place {
  std::filesystem::path folder;  // absolute
  Origin origin;
};

// STRATA_PLUGIN_PATH, the user's folder, /etc/strata/plugins, and the folder beside the program.
std::vector<Place> plugin_places();

// The reason why somebody else could have changed the file or its folder: it belongs to another
// user, or others may write it. Empty if nobody could.
std::string untrusted(const std::filesystem::path& file);

}  // namespace strata::registry
