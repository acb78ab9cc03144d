// Hashes of files.
#pragma once
#include <filesystem>
#include <string>

namespace strata::registry {

// In lower-case hex digits; throw Error where the file cannot be read.
std::string sha256_of(const std::filesystem::path& file);
// The SHA-1 that git gives a blob of the file's bytes.
std::string git_sha1_of(const std::filesystem::path& file);

}  // namespace strata::registry
