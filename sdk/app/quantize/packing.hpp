// The plan of a quantization: for each weight of a model, the form that it gets.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "app/quantize/rules.hpp"
#include "core/run/compute.hpp"
#include "core/run/model.hpp"

namespace strata::app {

struct WeightPacking {
  source::Tensor from;                   // the checkpoint's, with its steps
  source::Tensor to;                     // as the ops use it, without a place
  const plugin::Codec* codec = nullptr;  // null: it stays dense
};

struct Packing {
  std::vector<WeightPacking> weights;  // in the order of the pass, each once
  std::uint64_t packed = 0;            // how many become packed
  std::uint64_t bytes = 0;             // of all, as they become
  // Those that a codec refuses by their shape and that stay dense, and its words about the first.
  std::uint64_t refused = 0;
  std::string refusal;

  std::vector<source::Tensor> tensors() const;  // all `to`
};

// Reads no weights: those of a shape alone count in the configuration's dtype. Every weight of the
// model was found. Throws Error for weights that are quantized already, and for a codec whose parts
// do not have the weight's rows; UsageError for rules that do not fit the model.
Packing plan_packing(const run::Model& model, QuantRules& rules, const run::FindCodec& codec);

// Throws Error naming the weight unless a codec's layout is that of the packed tensor's parts.
void check_parts(const source::Tensor& tensor, const plugin::Codec& codec);

}  // namespace strata::app
