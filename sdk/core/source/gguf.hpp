// The GGUF format, versions 2 and 3, little-endian: a header of typed metadata and tensor infos,
// then the tensors' bytes (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/source/file.hpp"
#include "core/source/tensor.hpp"

namespace strata::source {

// One metadata value. Integers of every width are int64, those above its range uint64; float32 is
// widened. A list holds one type.
using GgufValue =
    std::variant<bool, std::int64_t, std::uint64_t, double, std::string, std::vector<bool>,
                 std::vector<std::int64_t>, std::vector<double>, std::vector<std::string>>;

struct Gguf {
  std::string path;
  std::uint32_t version = 0;
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<Tensor> tensors;  // in the order of their bytes; names are the file's

  const GgufValue* find(std::string_view key) const;
  // The value if the key exists; throws Error naming file and key if it has another type.
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;  // an integer counts too
  std::optional<bool> flag(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  const std::vector<std::string>* texts(std::string_view key) const;
  const std::vector<std::int64_t>* integers(std::string_view key) const;
  const std::vector<double>* numbers(std::string_view key) const;
};

// Parses the header of a file of `size` bytes, read forward by ranges; `path` is for messages and
// `file` for extents. Throws Error naming path and key or tensor for every breach of the format and
// for element types without a codec: see the table in the tests.
Gguf parse_gguf(const ReadAt& read, std::uint64_t size, std::string_view path, std::uint32_t file);

// Does the same for an opened file.
Gguf read_gguf(const File& opened, std::uint32_t file);

}  // namespace strata::source
