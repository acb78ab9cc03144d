// The zip format as far as checkpoints use it: where each entry's bytes lie in the file
// (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), zip64 included.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/source/file.hpp"

namespace strata::source {

struct ZipEntry {
  std::uint64_t offset = 0, bytes = 0;  // of its data, stored as they are
};

// Entries by name. Throws Error naming path and entry: what is compressed, encrypted, there twice,
// beyond the file or on top of another, or where directory and entry say different things.
std::map<std::string, ZipEntry, std::less<>> parse_zip(const ReadAt& read, std::uint64_t size,
                                                       std::string_view path);

}  // namespace strata::source
