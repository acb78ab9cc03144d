// Plugins with one fault each, which the build makes.
#pragma once
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "tests/folder.hpp"

namespace strata::test {

// Copies the fake plugin of this name with its manifest into the folder; returns the library.
inline std::filesystem::path copy_fake(const Folder& folder, const std::string& name) {
  const auto stem = "strata-offload-" + name;
  for (const auto* end : {".so", ".json"}) {
    const auto copy = folder.path() / (stem + end);
    std::filesystem::copy_file(std::filesystem::path(STRATA_FAKE_PLUGINS) / (stem + end), copy);
    chmod(copy.c_str(), 0644);
  }
  return folder.path() / (stem + ".so");
}

}  // namespace strata::test
