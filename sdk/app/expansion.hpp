// Tells whether a model's quantized weights are expanded (dequantized) to compute with them.
#pragma once
#include <strata/abi/core.h>

#include <string>

#include "core/run/prepare.hpp"

namespace strata::app {

// "Q4_K, Q6_K are expanded to bfloat16: 4.2 GB as stored, 15.0 GB expanded", for weights that are
// stored in blocks and computed with in `dtype`; "" if there are none. Reads no weights.
std::string expansion_words(const run::Prepared& prepared, strata_dtype dtype);

}  // namespace strata::app
