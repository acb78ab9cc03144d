// The cost of computing a unit, from its shapes alone: without weights or arithmetic, in
// milliseconds.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/plugin/family.hpp"
#include "core/shape/cost.hpp"

namespace strata::dry_run {

using shape::AttentionBounds, shape::AttentionBytes, shape::KvShape, shape::Request;

struct Measure {
  uint64_t peak_bytes = 0;  // of activations at once: the unit's input, its output, all between
  uint64_t all_bytes = 0;   // of all activations together, as gradients need them
  double flops = 0;         // of its products and its attention
  std::vector<KvShape> kv;
  int64_t positions = 0;          // the number of learned positions; 0: any position
  int64_t rows = 0, columns = 0;  // of its output: [T,D], or logits [wanted,V]
  uint32_t top_k = 0;             // experts of a token; 0: no mixture layer
  uint32_t position_table = 0;    // the index of the weight with the learned positions, if any
  uint64_t kept_bytes = 0;        // besides all activations, what a backward needs of the ops
};

// Measures unit `unit` of the family in that pass. Throws Error where its ops do not fit each
// other.
Measure measure(const plugin::Family& family, uint32_t unit, const Request& request);

// The layers whose keys and values a pass keeps: each attention has one of its own.
class KvLayers {
 public:
  // Throws Error where an attention of the unit keeps the layer of another.
  void add(const plugin::DeclaredUnit& unit, const Measure& measure);

 private:
  std::map<uint32_t, std::string> units_;  // by layer
};

// The hidden size D, from the embedding unit's output.
int64_t hidden_size(const plugin::Family& family);

}  // namespace strata::dry_run
