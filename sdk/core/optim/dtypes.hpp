// The element types that the arithmetic of the optimizers reads and writes.
#pragma once
#include "core/dtype.hpp"

namespace strata::optim {

inline constexpr strata_dtype f64{STRATA_FLOAT, 64, 1};
inline constexpr strata_dtype f32{STRATA_FLOAT, 32, 1};
inline constexpr strata_dtype f16{STRATA_FLOAT, 16, 1};
inline constexpr strata_dtype bf16{STRATA_BFLOAT, 16, 1};

}  // namespace strata::optim
