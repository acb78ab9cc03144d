// The dynamic-linking information of a shared library (ELF64, little-endian).
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace strata::check {

struct Elf {
  std::vector<std::string> exported;  // defined symbols that others can bind to
  std::vector<std::string> needed;    // DT_NEEDED
  std::vector<std::string> versions;  // symbol versions that they must have: "GLIBC_2.34"
};

// Reads the file's section tables; throws an Error that begins with `file` if they are malformed.
Elf read_elf(std::span<const std::byte> bytes, const std::string& file);

// The reason why a plugin may not depend on the library; empty if it may.
std::string foreign_library(const std::string& needed);

// The highest version of a family ("GLIBC_"), or empty.
std::string highest(const std::vector<std::string>& versions, const std::string& family);

}  // namespace strata::check
