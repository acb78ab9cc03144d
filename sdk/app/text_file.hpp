// Text files that the user names.
#pragma once
#include <string>

namespace strata::app {

// The whole file, or all of standard input for "-"; throws Error if it cannot be read, is not
// UTF-8, or is too long: more than 1 GiB, or more than 64 MiB from a device or a pipe.
std::string read_text_file(const std::string& path);

}  // namespace strata::app
