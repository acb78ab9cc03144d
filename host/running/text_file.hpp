// Files of text that the user names.
#pragma once
#include <string>

namespace strata::host {

// The whole file, or all of standard input for "-"; throws Error where it cannot be read, is not
// UTF-8, or is no text that ends: more than 1 GiB, or 64 MiB of a device or a pipe.
std::string read_text_file(const std::string& path);

}  // namespace strata::host
