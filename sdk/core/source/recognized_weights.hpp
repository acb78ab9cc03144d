// Packed weights that a checkpoint holds in tensors whose meaning only the codec's plugin knows.
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/source/part_names.hpp"
#include "core/source/tensor.hpp"

namespace strata::source {

// A tensor that may be a part of a weight.
struct FoundPart {
  std::string role;
  const Tensor* tensor = nullptr;
  std::vector<std::byte> bytes;  // where the manifest asks for them
};

// A weight that a plugin recognized in tensors, which are the parts of its scheme, in order.
struct RecognizedWeight {
  std::string scheme;
  std::vector<int64_t> shape;  // as the ops use it: a matrix is [out,in]
  bool by_rows = false;        // as Form::by_rows
};

// Asks the plugin of a manifest's key what the tensors of the weight are together; nothing where
// they are no weight of its. Throws Error where they do not fit each other.
using Recognize = std::function<std::optional<RecognizedWeight>(
    const std::string& key, const std::string& weight, std::span<const FoundPart> parts)>;

// The bytes of a tensor, for parts that are to be read; they are at most longest_read.
using ReadPart = std::function<std::vector<std::byte>(const Tensor&)>;
inline constexpr uint64_t longest_read = 1u << 20;

// Makes one tensor behind the others of the tensors of each weight that a plugin recognizes: in the
// order of the names, the first plugin that does gets it.
void join_recognized(std::vector<Tensor>& tensors, const PackedNames& names,
                     const Recognize& recognize, const ReadPart& read);

// A tensor that is not there, and the weight that lacks it alone.
struct MissingPart {
  std::string tensor, weight;
};

// Finds what join_recognized left: tensors that only a packed weight has, with all required parts
// of their scheme but one. Weights that would lack another one in another scheme, or none, are left
// out.
std::vector<MissingPart> missing_parts(std::span<const Tensor> tensors, const PackedNames& names);

}  // namespace strata::source
