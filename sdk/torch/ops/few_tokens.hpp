// A product for so few tokens that reading the weight is what it takes.
#pragma once
#include <cstdint>

namespace strata::torch {

// Where a weight's rows are read once for all tokens, and each sum is the same for every number of
// them, of threads and of rows: a batch has the bits of its single sequences.
constexpr int64_t few_tokens = 8;

// Rows [first, last) of weight [.,in] by x [tokens,in], dense: y[t * out + row].
struct FewTokens {
  const float *x, *weight, *bias;  // bias [out], or null
  float* y;
  int64_t tokens, in, out;
};
void few_tokens_product(const FewTokens& p, int64_t first, int64_t last);

}  // namespace strata::torch
