// The safetensors format: eight bytes of header length, a JSON header, then the tensors' bytes
// without holes (https://github.com/huggingface/safetensors, "Format").
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/source/file.hpp"
#include "core/source/tensor.hpp"

namespace strata::source {

// Parses the tensors that a header of `json` describes in a file of `file_size` bytes, in the order
// of their bytes, with `file` as their extents' file. Throws Error naming `path` and the tensor for
// every breach of the format: see the table in the tests.
std::vector<Tensor> parse_safetensors(std::string_view json, std::uint64_t file_size,
                                      std::string_view path, std::uint32_t file);

// Does the same for an opened file; reads the header alone.
std::vector<Tensor> read_safetensors(const File& opened, std::uint32_t file);

// The header of an opened file, as JSON text.
std::string read_safetensors_json(const File& opened);

// The texts in a header's __metadata__, by their keys. Throws Error naming `path` for values that
// are no text.
using Metadata = std::map<std::string, std::string>;
Metadata safetensors_metadata(std::string_view json, std::string_view path);

// The first bytes of a safetensors file of these tensors, in this order: length and header, padded
// to 8 bytes. Only name, shape and form count.
std::string safetensors_header(std::span<const Tensor> tensors, const Metadata& metadata = {});

}  // namespace strata::source
