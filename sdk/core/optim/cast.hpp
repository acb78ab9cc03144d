// Conversion of flat arrays between floating-point types.
#pragma once
#include <cstdint>

#include "core/optim/dtypes.hpp"

namespace strata::optim {

// Converts the elements [first, first + count) of `from` to those of `to`; each type is f64, f32,
// bf16 or f16. Rounds to nearest even; f64 is rounded to f32 first, as PyTorch does. A NaN becomes
// 0x7fc0 in bf16 and 0x7e00 in f16. The arrays do not overlap.
void cast(strata_dtype to_dtype, void* to, strata_dtype from_dtype, const void* from,
          uint64_t first, uint64_t count);

}  // namespace strata::optim
