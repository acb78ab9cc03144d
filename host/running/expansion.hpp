// Whether a model's weights are expanded to be computed with.
#pragma once
#include <strata/abi/core.h>

#include <string>

#include "core/run/model.hpp"

namespace strata::host {

// "Q4_K, Q6_K are expanded to bfloat16: 4.2 GB as stored, 15.0 GB expanded", of weights that lie in
// blocks and are computed with in `dtype`; "" where none do. Reads no weights.
std::string expansion_words(const run::Model& model, strata_dtype dtype);

}  // namespace strata::host
