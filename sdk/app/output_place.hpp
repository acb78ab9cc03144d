// Whether a result can be written to its place, before the work that makes it.
#pragma once
#include <filesystem>
#include <string>

namespace strata::app {

// The path of a folder, without the slashes that it may end in. Throws Error where it is a file, or
// a link to nothing.
std::filesystem::path folder_path(const std::string& path);
// Makes the folders above `path`, and tries to make a folder where write_result would: in `path`
// where that is there, else beside it. Throws Error naming `path`, also where it is not empty.
void need_folder_place(const std::string& path);
// Tries to make a file beside `path`, whose folder must be there; an empty path is none.
void need_file_place(const std::string& path);

}  // namespace strata::app
