// Files that a run replaces when it ends, which must be those of an earlier run.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>

namespace strata::app {

// Refuses a file at `path` that has content and does not begin as its writer begins one, since it
// is somebody's data; an empty path is none. Throws UsageError beginning with `option`.
void need_earlier_file(std::string_view option, const std::string& path,
                       std::string_view beginning);

// The file of an option; an empty path is none.
struct FileOption {
  std::string_view option;
  const std::string& path;
};
// Throws UsageError where two of them have the same file, by any names of it.
void need_own_files(std::initializer_list<FileOption> files);

}  // namespace strata::app
