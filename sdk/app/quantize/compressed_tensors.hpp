// The layout of compressed-tensors 0.20: the tensors of a quantized weight, and the configuration.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "app/quantize/compressed_scheme.hpp"
#include "core/json.hpp"
#include "core/source/tensor.hpp"

namespace strata::app {

// The tensors that hold the matrix "MODULE.weight" of [rows, columns], in this order: codes
// (weight_packed of int32, or weight of E4M3), weight_scale of `dtype`, with zero points
// weight_zero_point, with integers weight_shape. They have no place in a file.
std::vector<source::Tensor> compressed_tensors(const CompressedScheme& scheme,
                                               const std::string& weight, std::int64_t rows,
                                               std::int64_t columns, strata_dtype dtype);

// The quantization_config of config.json. `ignored` are the linear modules that stay dense.
Json compressed_config(const CompressedScheme& scheme, const std::vector<std::string>& ignored);

}  // namespace strata::app
