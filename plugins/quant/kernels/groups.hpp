// Weights whose codes lie in groups along a row, and products with them on the CPU.
#pragma once
#include <strata/abi/core.h>

#include <cstddef>
#include <cstdint>

#include "kernels/packed_linear.hpp"

namespace strata::kernels {

// A code stands for a number; group_numbers.hpp has those of the last three. Codes of four bits lie
// two a byte, the first in the low half.
enum class Code : uint8_t { int4, int8, nf4, e2m1, e4m3 };

// A group's zero says which number an integer code stands for.
enum class Zero : uint8_t {
  none,    // (code - 8) * scale for int4, (code - 128) * scale for int8; code * scale for others
  code,    // (code - zero) * scale, the zero being a byte
  number,  // code * scale + zero, the zero having the scale's dtype
};

// Each `group` elements of a row, a positive even number, share a scale of float32, float16 or
// bfloat16; the last group of a row may be shorter. Only integers have zeros. An element is
// computed in float32, rounded after each step.
struct GroupForm {
  Code code;
  Zero zero;
  strata_dtype scale;
  int64_t group;
};

// Tells whether there are such weights.
bool valid(const GroupForm&);

// Elements in the rows of the parts of a weight with so many columns: codes are bytes.
int64_t codes_in(const GroupForm&, int64_t columns);
int64_t groups_in(const GroupForm&, int64_t columns);

// The parts of a weight [rows, columns], contiguous: codes [rows, codes_in], scales and zeros
// [rows, groups_in]. Scales and zeros are at their natural alignment; `zeros` is null for
// Zero::none. The high half of a last byte that an odd row leaves over may have any value.
struct GroupParts {
  const uint8_t* codes;
  const void* scales;
  const void* zeros;
};

struct GroupLinear {
  GroupForm form;
  GroupParts parts;
  int64_t rows, columns;
};

// Tells whether rows of so many columns can be multiplied and unpacked: the form must be valid.
bool can(const GroupForm&, int64_t columns);

// Tells whether this processor has a faster way for Products::fast. Without one, fast is exact.
bool has_fast(const GroupForm&);

// Gives the bytes of the workspace of `linear`, for any dtype of x. The weight's parts and rows do
// not matter.
std::size_t workspace(const GroupLinear&, int64_t tokens, Products products = Products::exact);

// Computes y[t, n] = sum over k of x[t, k] * w[n, k], as `linear` of packed_linear.hpp does: with
// the same dtypes, and with the same promises about order, NaN and infinity.
void linear(const GroupLinear&, const void* x, strata_dtype x_dtype, int64_t ldx, void* y,
            strata_dtype y_dtype, int64_t ldy, int64_t tokens, std::byte* workspace, Run run,
            Products products = Products::exact);

// One weight of a grouped product: its tokens end before `end`.
struct GroupShare {
  GroupParts parts;
  int64_t end;
};

// Does that with `count` weights of one form and shape, as linear_grouped of packed_linear.hpp
// does: each has the tokens behind those of the one before it, and sums have the bits of `linear`.
void linear_grouped(const GroupForm&, int64_t rows, int64_t columns, const GroupShare* shares,
                    int64_t count, const void* x, strata_dtype x_dtype, int64_t ldx, void* y,
                    strata_dtype y_dtype, int64_t ldy, std::byte* workspace, Run run,
                    Products products = Products::exact);

// Stores the rows [first, first + count) as float16, bfloat16, float32 or float64, row after row.
// Several threads may do that at once. This needs can(), and never fails.
void unpack(const GroupLinear&, int64_t first, int64_t count, void* to, strata_dtype to_dtype);

}  // namespace strata::kernels
