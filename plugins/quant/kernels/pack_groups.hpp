// Dense rows are packed into groups on the CPU: every code is the one nearest to its value.
#pragma once
#include "kernels/groups.hpp"

namespace strata::kernels {

// Tells whether rows are packed into such a form: int4 and int8 without a zero or with a number,
// nf4 or e4m3, and scales of float32.
bool can_pack(const GroupForm&);

// Values from this magnitude on, NaN and infinities cannot be packed. Neither differences of others
// nor products of their codes and scales exceed float32.
inline constexpr float too_large = 0x1p126F;

// The rows lie one behind the other; the elements are float16, bfloat16, float32 or float64, which
// is rounded to float32 first.
struct DenseRows {
  const void* at;
  strata_dtype dtype;
  int64_t rows, columns;
};

// The rows' parts, as GroupParts has them. The high half of a byte that an odd row leaves over
// becomes 0.
struct PackedRows {
  uint8_t* codes;
  float* scales;
  float* zeros;
};

// Packs the rows, each by itself, so that several threads may pack others. Returns false where a
// value cannot be packed; the parts may then hold anything. The form must be one of can_pack.
//
// With a number the zero is the lowest value of the group, and the scale the range divided by 15 or
// 255. Without one the scale is the largest magnitude divided by 7.5 for int4, 127 for int8, 448
// for e4m3 and 1 for nf4. Scales are computed in float64, codes by a division in float32; in a tie
// the even code is taken, and the lower one of nf4. A group of equal values is exact in each form.
// Every processor makes the same bits.
bool pack(const GroupForm&, const DenseRows&, const PackedRows&);

}  // namespace strata::kernels
