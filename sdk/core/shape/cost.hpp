// The cost of computing an op, from shapes alone.
#pragma once
#include <strata/abi/draft/attention.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "core/shape/value.hpp"

namespace strata::shape {

// The bounds of a call of the attention backend.
struct AttentionBounds {
  uint32_t tokens = 1, sequences = 1, max_keys = 1;
};
// The bytes that a backend holds at once in such a call, besides q, k, v and its result.
using AttentionBytes =
    std::function<uint64_t(const strata_attention_request&, const AttentionBounds&)>;

// The pass to measure.
struct Request {
  int64_t tokens = 1;     // in the pass, of all sequences together
  int64_t sequences = 1;  // the sequences that they belong to
  int64_t keys = 1;       // the most that a token sees: cached ones and those of its own pass
  int64_t wanted = 0;     // rows of the head; 0: one a sequence
  strata_dtype dtype{STRATA_FLOAT, 32, 1};  // of the hidden state
  strata_device device{STRATA_CPU, 0};
  AttentionBytes attention_bytes{};  // of the chosen backend; empty: not counted
  bool trains = false;               // a backward follows, and no key is of an earlier pass
};

// The KV cache of a layer that a unit's attention appends to.
struct KvShape {
  uint32_t layer = 0;
  int64_t heads = 0, kv_heads = 0, dim_qk = 0, dim_v = 0;
};

// The cost of one call of an op. Its results are new memory unless a field says otherwise.
struct Cost {
  uint64_t held_bytes = 0;  // while it computes, besides its arguments and results
  // Kept in training: bytes that the backward needs besides the arguments and results.
  uint64_t kept_bytes = 0;
  double flops = 0;
  strata_tensor* viewed = nullptr;  // the results share this argument's memory
  bool is_weight = false;           // the result is a weight, which the caller holds
  std::optional<KvShape> kv;        // the cache that it appends to
  int64_t positions = 0;            // the number of learned positions; 0: any position
  uint32_t top_k = 0;               // experts of a token; 0: none
  uint32_t position_table = 0;      // the index of the weight with the learned positions
};

// The bytes of `x` twice in float32: the most that some ops hold besides their result.
inline uint64_t twice_in_float32(const Value& x) {
  return static_cast<uint64_t>(x.dims.elements()) * 8;
}

}  // namespace strata::shape
