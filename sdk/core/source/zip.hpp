// The zip format as far as checkpoints use it: the place of each entry's bytes in the file
// (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), zip64 included.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/source/file.hpp"

namespace strata::source {

struct ZipEntry {
  std::uint64_t offset = 0, bytes = 0;  // of its data, which is not compressed
};

// Parses the entries, by name. Throws Error naming path and entry for one that is compressed,
// encrypted, duplicate, beyond the file's end or overlapping another, or whose directory record
// differs.
std::map<std::string, ZipEntry, std::less<>> parse_zip(const ReadAt& read, std::uint64_t size,
                                                       std::string_view path);

}  // namespace strata::source
