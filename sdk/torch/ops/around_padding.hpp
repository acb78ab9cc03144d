// The parts of an attention over sequences that end with padding.
#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

#include "torch/pass.hpp"

namespace strata::torch {

// Some of the packed tokens as queries, in stretches; each stretch sees keys that lie one behind
// the other in the packed tokens.
struct AttentionPart {
  std::vector<int64_t> rows;         // the queries, by their places in the packed tokens
  std::vector<int32_t> starts{0};    // [S+1]: where stretches begin in `rows`
  std::vector<int32_t> first, keys;  // [S]: the place of the first key, and how many there are
  int64_t max_query = 0, max_keys = 0;
  bool causal = true;  // false: each query sees all keys of its stretch

  void add(int64_t row, int64_t count, int64_t first_key, int64_t key_count);
  // The stretches of the queries.
  Ragged ragged() const;
  // The places of the keys, [S,max_keys] int32; behind a stretch's keys the last one is repeated.
  at::Tensor table(const at::Device& device) const;
};

// [Note: around padding]
// The tokens of a sequence are real ones, then padding. A real token sees itself and those before
// it. Padding sees the real tokens of its sequence that lie within the window, and no padding, not
// even itself: this is what an attention mask with 0 for padding means. So the two are parted: the
// real tokens, causal, and the padding, each token of which sees all keys that it is given.
std::array<AttentionPart, 2> around_padding(const Pass& pass, int64_t window);

}  // namespace strata::torch
