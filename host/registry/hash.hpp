// SHA-256 of files.
#pragma once
#include <filesystem>
#include <string>

namespace strata::registry {

// 64 lower-case hex digits; throws Error where the file cannot be read.
std::string sha256_of(const std::filesystem::path& file);

}  // namespace strata::registry
