// The cost of computing a unit, from its shapes alone: without weights or arithmetic, in
// milliseconds.
#pragma once
#include <strata/abi/draft/attention.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "core/plugin/family.hpp"

namespace strata::dry_run {

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
};

// The KV cache of a layer that a unit's attention appends to.
struct KvShape {
  uint32_t layer = 0;
  int64_t heads = 0, kv_heads = 0, dim_qk = 0, dim_v = 0;
};

struct Measure {
  uint64_t peak_bytes = 0;  // of activations at once: the unit's input, its output, all between
  double flops = 0;         // of its products and its attention
  std::vector<KvShape> kv;
  int64_t positions = 0;          // the number of learned positions; 0: any position
  int64_t rows = 0, columns = 0;  // of its output: [T,D], or logits [wanted,V]
  uint32_t top_k = 0;             // experts of a token; 0: no mixture layer
};

// Measures unit `unit` of the family in that pass. Throws Error where its ops do not fit each
// other.
Measure measure(const plugin::Family& family, uint32_t unit, const Request& request);

// The hidden size D, from the embedding unit's output.
int64_t hidden_size(const plugin::Family& family);

}  // namespace strata::dry_run
