// Single elements of floating-point tensors.
#pragma once
#include <strata/abi/core.h>

#include <cstddef>

namespace strata::source {

// float64, float32, float16 or bfloat16.
bool is_floating(strata_dtype dtype);

// The element at `from`, which need not be aligned, of a floating dtype.
double element(strata_dtype dtype, const std::byte* from);

// The nearest value of the dtype; of two the even one.
void set_element(strata_dtype dtype, std::byte* to, double value);

}  // namespace strata::source
