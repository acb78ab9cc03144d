// A GGUF model of one file or of several: gguf-split names the parts NAME-00001-of-00003.gguf, the
// first of which has the metadata.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/source/file.hpp"
#include "core/source/gguf.hpp"

namespace strata::source {

// The meaning of a part's name: the prefix "dir/NAME", part `number` (from 1) of `count`.
struct PartName {
  std::string prefix;
  std::uint32_t number = 0, count = 0;

  std::string path(std::uint32_t other) const;  // of another part
};
std::optional<PartName> part_name(std::string_view path);  // nothing: not a part's name

struct GgufParts {
  std::vector<std::shared_ptr<const File>> files;  // in the order of the parts
  Gguf whole;  // the first part's metadata, all parts' tensors; extents count the files
};

// Opens the file at `path`, which may be any part, with all others of its model. Throws Error
// naming the parts that are missing, and parts that do not belong together.
GgufParts read_gguf_parts(const std::string& path);

}  // namespace strata::source
