// Hashes of files.
#pragma once
#include <filesystem>
#include <string>

namespace strata::registry {

// Both hashes are lower-case hex digits; both functions throw Error if the file cannot be read.
std::string sha256_of(const std::filesystem::path& file);
// The SHA-1 that git gives a blob of the file's bytes.
std::string git_sha1_of(const std::filesystem::path& file);

}  // namespace strata::registry
