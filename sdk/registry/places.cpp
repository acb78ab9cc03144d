#include "registry/places.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "registry/installation.hpp"

namespace strata::registry {
namespace {

std::string_view environment(const char* name) {
  const char* value = secure_getenv(name);
  return value ? value : "";
}

void append(std::vector<Place>& places, const std::filesystem::path& folder, Origin origin) {
  if (folder.is_absolute()) places.push_back({folder.lexically_normal(), origin});
}

std::string written_by_others(const std::filesystem::path& path, bool folder) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return path.string() + " cannot be examined";
  if (status.st_uid != 0 && status.st_uid != geteuid())
    return path.string() + " belongs to another user";
  const bool sticky = folder && (status.st_mode & S_ISVTX);
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) && !sticky)
    return path.string() + " can be written by others";
  return {};
}

}  // namespace

std::vector<Place> plugin_places() {
  std::vector<Place> places;
  auto listed = environment("STRATA_PLUGIN_PATH");
  while (!listed.empty()) {
    const auto end = std::min(listed.find(':'), listed.size());
    append(places, listed.substr(0, end), Origin::environment);
    listed.remove_prefix(std::min(end + 1, listed.size()));
  }
  if (const auto home = environment("HOME"); !home.empty())
    append(places, std::filesystem::path(home) / ".local/lib/strata", Origin::user);
  append(places, "/etc/strata/plugins", Origin::system);
  append(places, installation_folder() / "lib/strata", Origin::built_in);
  return places;
}

std::string untrusted(const std::filesystem::path& file) {
  auto reason = written_by_others(file, false);
  return reason.empty() ? written_by_others(file.parent_path(), true) : reason;
}

}  // namespace strata::registry
