// Log probabilities of tokens, from the model's logits before any processing.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace strata::run {

struct Likely {
  int32_t id = 0;
  double logprob = 0;
};

struct TokenLogprobs {
  double logprob = 0;       // of the token that was taken
  std::vector<Likely> top;  // the likeliest, first of equal ones first
};

// log softmax of one row of logits, in double: of `id` and of the `count` likeliest.
TokenLogprobs logprobs(std::span<const float> logits, int32_t id, std::size_t count);

}  // namespace strata::run
