// Whether a result can be written to its place, before the work that makes it.
#pragma once
#include <string>

namespace strata::app {

// Makes the folders above `path` and tries to make a folder beside it. Throws Error naming `path`.
void need_folder_place(const std::string& path);
// Tries to make a file beside `path`, whose folder must be there; an empty path is none.
void need_file_place(const std::string& path);

}  // namespace strata::app
