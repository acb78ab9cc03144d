// The scale and the zero point of weights that share one.
#pragma once
#include <strata/abi/core.h>

#include <span>

#include "app/quantize/compressed_scheme.hpp"

namespace strata::app {

// A weight is (code - zero) * scale. `scale` is a number of the dtype that the file has for scales
// and is not 0; it may be negative. `zero` is a code.
struct GroupScale {
  float scale = 1, zero = 0;
};

// The scale that lets the largest magnitude or, with zero points, the whole range keep its place,
// as calculate_qparams of compressed-tensors computes it. Weights of nothing but zeros get the
// least step of the dtype at 1. The weights are finite.
GroupScale range_scale(std::span<const float> weights, const CompressedScheme& scheme,
                       strata_dtype dtype);

// The scale with the least sum of importance * error^2 among those that it tries: the range's and
// smaller or slightly larger ones of either sign, each improved by least squares. `importance` has
// one number of at least 0 for each weight. For integer codes only.
GroupScale best_scale(std::span<const float> weights, std::span<const float> importance,
                      const CompressedScheme& scheme, strata_dtype dtype);

}  // namespace strata::app
