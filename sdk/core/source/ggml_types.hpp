// The element types of ggml, as a GGUF file numbers them.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/source/form.hpp"

namespace strata::source {

struct GgmlType {
  std::uint32_t id;
  std::string_view name;  // "Q4_1"
  std::uint32_t block_elements, block_bytes;
  bool supported;      // a dense type, or one for a codec
  strata_dtype dtype;  // dense: the elements'; quantized: float32, to which the blocks expand
};

const GgmlType* ggml_type(std::uint32_t id);  // null for a number that ggml does not use

// The form of a tensor of a supported type, whose rows are whole blocks.
Form stored_form(const GgmlType& type, std::vector<int64_t> shape, Extent file);

}  // namespace strata::source
