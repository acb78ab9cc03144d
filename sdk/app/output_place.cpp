#include "app/output_place.hpp"

#include <filesystem>

#include "core/error.hpp"
#include "core/source/output.hpp"
#include "core/source/unfinished.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

// The path without the slashes that it may end in.
fs::path plain(const std::string& path) {
  auto out = fs::path(path).lexically_normal();
  return out.has_filename() ? out : out.parent_path();
}

}  // namespace

void need_folder_place(const std::string& path) {
  const auto place = plain(path);
  std::error_code error;
  if (fs::is_directory(place, error)) return;
  error.clear();
  if (place.has_parent_path()) fs::create_directories(place.parent_path(), error);
  const auto trial = source::temporary_name(place.string());
  if (!error) fs::create_directory(trial, error);
  if (error) throw Error(printable(path), error.message(), "give another folder");
  fs::remove(trial, error);
}

void need_file_place(const std::string& path) {
  if (path.empty()) return;
  std::error_code error;
  if (fs::is_directory(path, error))
    throw Error(printable(path), "it is a folder", "give the name of a file");
  source::AtomicFile trial(path);  // it is removed at once
}

}  // namespace strata::app
