// The file in which Strata keeps a model's weights that it quantized: safetensors, so that other
// programs can look into it.
//
// A dense weight is the tensor of its name. A packed one is a tensor for each part, WEIGHT:ROLE.
// __metadata__ has, beside "format", the key "strata.quant" with the text of an object:
//
//   {"version": 1,
//    "made_from": "...",                    the digest of what the file was made from
//    "weights": {NAME: {
//      "scheme": "int4 {...}",              with the codec's options
//      "shape": [out, in],
//      "parts": ["codes", "scales"]}}}    the roles, in the order of the codec's layout
//
// All weights are as_used, without steps.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/source/file.hpp"
#include "core/source/tensor.hpp"

namespace strata::source {

struct PackedFile {
  std::string made_from;
  std::vector<Tensor> tensors;  // in the order of their bytes
};

// Parses the header `json` of a file of `file_size` bytes, with `file` as the extents' file. Throws
// Error naming `path` and the weight for everything that is not as above, and for a weight without
// one of its parts. It does not know whether a codec would make these parts.
PackedFile parse_packed_file(std::string_view json, std::uint64_t file_size, std::string_view path,
                             std::uint32_t file);
// Does the same for an opened file; reads the header alone.
PackedFile read_packed_file(const File& opened, std::uint32_t file);

// The first bytes of a file of these tensors, which have no steps; gives each part its place in it,
// one behind the other. Throws Error where two tensors would have one name.
std::string packed_header(PackedFile& content);

}  // namespace strata::source
