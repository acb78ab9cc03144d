// Packed weights whose parts a checkpoint holds as tensors of their own, by names that the codec's
// manifest gives under its key "parts":
//
//   {SCHEME: {
//     "weight": "{}",                the weight's name
//     "block": 32,                   elements of a block, along the last dimension
//     "parts": [                     in the order of the codec's layout
//       {"role": "codes",
//        "tensor": "{}_blocks",      the part's name; {}: as in the weight's
//        "dtype": "U8",              as safetensors files name it
//        "per_block": [16]},         the shape of its elements of one block; without it: one
//       {"role": "scales", "tensor": "{}_scales", "dtype": "U8"}]}}
//
// Without "block", the plugin itself recognizes the weight from its tensors. The key is then the
// first word of its schemes, and a part may be "optional": true, and "read": true, which gives the
// plugin its bytes; "dtype" and "per_block" are absent.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "core/source/tensor.hpp"

namespace strata::source {

struct PartTensor {
  std::string role, tensor;
  strata_dtype dtype{};
  std::vector<int64_t> per_block;
  bool optional = false, read = false;
};

struct PackedName {
  std::string weight;
  int64_t block = 0;  // 0: the plugin recognizes the weight
  std::vector<PartTensor> parts;
};

using PackedNames = std::map<std::string, PackedName>;  // by scheme

// The value of a manifest's key "parts"; `who` names the manifest in errors. Refuses unknown keys.
PackedNames packed_names(const Json& value, std::string_view who);

// The text in the place of the pattern's {}; nothing where `name` does not match.
std::optional<std::string> stem_of(std::string_view pattern, std::string_view name);
// The pattern with the stem in the place of its {}.
std::string filled(std::string pattern, const std::string& stem);

// Puts the weights that were made of the tensors in `used`, which are some of `tensors`, behind the
// others.
void replace_parts(std::vector<Tensor>& tensors, const std::set<const Tensor*>& used,
                   std::vector<Tensor> made);

// Makes one tensor [..,block n] behind the others from dense parts [..,n,per_block]. A tensor
// without its partners or of another dtype or shape, and one whose weight is there too, stays.
void join_parts(std::vector<Tensor>& tensors, const PackedNames& names);

}  // namespace strata::source
