// Where the running program lies.
#pragma once
#include <filesystem>

namespace strata::host {

// The folder of the running program; libraries lie in ../lib and data in ../share from there.
std::filesystem::path program_folder();

}  // namespace strata::host
