// Where plugins are looked for. Never the working directory, LD_LIBRARY_PATH or a model's folder.
#pragma once
#include <filesystem>
#include <vector>

#include "host/registry/candidate.hpp"

namespace strata::registry {

struct Place {
  std::filesystem::path folder;  // absolute
  Origin origin;
};

// STRATA_PLUGIN_PATH, the user's folder, /etc/strata/plugins, and the folder beside the program.
std::vector<Place> plugin_places();

// The folder of the running program.
std::filesystem::path program_folder();

// Why the file or its folder could have been changed by somebody else: it belongs to another user
// or others may write it. Empty where it could not.
std::string untrusted(const std::filesystem::path& file);

}  // namespace strata::registry
