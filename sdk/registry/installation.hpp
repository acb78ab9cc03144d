// Where this installation lies.
#pragma once
#include <filesystem>

namespace strata::registry {

// The folder that holds lib/ and share/: the one above the folder of this library, whatever program
// uses it. Throws Error if the library's path cannot be found.
std::filesystem::path installation_folder();

}  // namespace strata::registry
