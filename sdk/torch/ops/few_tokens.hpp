// A product for so few tokens that reading the weight takes most of the time.
#pragma once
#include <cstdint>

namespace strata::torch {

// The most tokens for which a weight's rows are read once for all of them. Each sum is the same for
// every number of tokens, of threads and of rows: a batch has the bits of its single sequences.
constexpr int64_t few_tokens = 8;

// A dense product of rows [first, last) of weight [.,in] with x [tokens,in]: y[t * out + row].
struct FewTokens {
  const float *x, *weight, *bias;  // bias [out], or null
  float* y;
  int64_t tokens, in, out;
};
void few_tokens_product(const FewTokens& p, int64_t first, int64_t last);

}  // namespace strata::torch
