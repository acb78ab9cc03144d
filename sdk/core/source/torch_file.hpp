// Files that torch.save writes: a pickle that describes the tensors, and their bytes, in a zip or
// (before PyTorch 1.6) one behind the other.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/source/file.hpp"
#include "core/source/tensor.hpp"

namespace strata::source {

// Parses the tensors of the state dict that the file holds, itself or as its one "state_dict" or
// "model", in the order of their bytes; tensors that share a storage share its bytes. Ignores other
// values of a dict (numbers, text). Throws Error naming path and tensor, storage, opcode or global
// for a tensor that is not contiguous, big-endian bytes and anything that a state dict does not
// need.
std::vector<Tensor> parse_torch_file(const ReadAt& read, std::uint64_t size, std::string_view path,
                                     std::uint32_t file);

// Does the same for an opened file.
std::vector<Tensor> read_torch_file(const File& opened, std::uint32_t file);

}  // namespace strata::source
