// The formats nvfp4-pack-quantized and mxfp4-pack-quantized: numbers of 4 bits, two a byte with the
// first in the lower half. NVFP4 has scales in floats of 8 bits, which a float32 for the weight
// divides; MXFP4 has powers of 2. The package computes the elements' scales in float32 and bfloat16
// and rounds the elements to bfloat16.
#pragma once
#include "ct_weights/zeros.hpp"
#include "packed/method.hpp"
#include "packed/rows.hpp"

namespace compressed_tensors {

struct Float4 {
  static constexpr std::string_view keys[] = {"ct-fp4"};

  static std::optional<strata::PackedWeight> recognize(const strata::Config* options,
                                                       const Tensors& tensors);

  Float4(std::string_view, Words& words) : grid(words) {
    if (!divided() && grid.number() != Number::exponent) words.refuse();
  }

  std::vector<strata::Part> parts(int64_t out, int64_t in) const;
  void unpack(std::span<const Memory> parts, const Memory& weight) const;
  std::optional<GroupForm> groups(int64_t out, int64_t in) const;
  void repack(int64_t out, int64_t in, std::span<const Memory> held, GroupRoom run) const;

  // Whether weight_global_scale divides the scales, as NVFP4's.
  bool divided() const { return grid.number() == Number::e4m3; }
  float scale_at(std::span<const Memory> parts, int64_t row, int64_t block, int64_t in) const;

  Grid grid;
};

}  // namespace compressed_tensors
