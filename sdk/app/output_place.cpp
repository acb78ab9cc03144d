#include "app/output_place.hpp"

#include "app/write_result.hpp"
#include "core/error.hpp"
#include "core/source/output.hpp"
#include "core/source/unfinished.hpp"

namespace strata::app {

namespace fs = std::filesystem;

fs::path folder_path(const std::string& path) {
  fs::path out(path);
  while (!out.has_filename() && out.has_relative_path()) out = out.parent_path();
  std::error_code error;
  const auto about = fs::status(out, error);
  if (fs::exists(about) && !fs::is_directory(about))
    throw Error(printable(path), "is a file", "give a new folder");
  if (!fs::exists(about) && fs::is_symlink(fs::symlink_status(out, error)))
    throw Error(printable(path), "it is a link to a folder that is not there",
                "make that folder, or give another one");
  return out;
}

void need_folder_place(const std::string& path) {
  const auto place = folder_path(path);
  std::error_code error;
  const bool there = fs::exists(place, error);
  if (there && !fs::is_empty(place, error) && !error)
    throw Error(printable(path), "is a folder that is not empty", "give a new folder");
  if (!there && place.has_parent_path()) fs::create_directories(place.parent_path(), error);
  const auto trial = source::temporary_name((there ? place / written_model : place).string());
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
