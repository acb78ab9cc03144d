// Files of text that the user names.
#pragma once
#include <string>

namespace strata::host {

// The whole file; throws Error where it cannot be read or is not UTF-8.
std::string read_text_file(const std::string& path);

}  // namespace strata::host
