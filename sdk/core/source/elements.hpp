// Single elements of floating-point tensors.
#pragma once
#include <strata/abi/core.h>

#include <cstddef>

namespace strata::source {

// Whether the dtype is float64, float32, float16 or bfloat16.
bool is_floating(strata_dtype dtype);

// Reads the element of a floating dtype at `from`, which need not be aligned.
double element(strata_dtype dtype, const std::byte* from);

// Writes the nearest value of the dtype; ties go to even.
void set_element(strata_dtype dtype, std::byte* to, double value);

}  // namespace strata::source
