// model.safetensors.index.json or pytorch_model.bin.index.json: the shard of each tensor.
#pragma once
#include <map>
#include <set>
#include <string>

#include "core/source/file.hpp"

namespace strata::source {

// A shard's file name, in the index's folder, to the tensors that it must hold.
using ShardIndex = std::map<std::string, std::set<std::string>>;

// Throws Error naming the index, and the tensor whose shard is not a plain file name.
ShardIndex parse_shard_index(std::string_view json, std::string_view path);
ShardIndex read_shard_index(const File& opened);

}  // namespace strata::source
