// The bound of products that all chosen experts of a layer share.
#pragma once
#include <cstdint>

namespace strata::ops {

// The most rows, one for each token and expert that it chose, of such a product. With more, each
// expert has work for all cores alone, and the rows of all would only need memory.
inline constexpr int64_t grouped_rows = 64;

}  // namespace strata::ops
