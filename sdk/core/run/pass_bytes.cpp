#include "core/run/pass_bytes.hpp"

#include <algorithm>

#include "core/dry_run/measure.hpp"
#include "core/dtype.hpp"

namespace strata::run {
namespace {

// Columns of the embedding's table, which may be wider than the hidden state.
int64_t row_width(const Model& model) {
  int64_t most = dry_run::hidden_size(*model.family);
  for (const auto& weight : model.family->units().front().weights)
    if (weight.role == STRATA_TABLE) most = std::max(most, weight.shape.back());
  return most;
}

}  // namespace

uint64_t activation_bytes(const Model& model, const Wish& wish, int64_t tokens) {
  dry_run::Request request{.tokens = tokens,
                           .sequences = std::min<int64_t>(wish.sequences, tokens),
                           .keys = std::max(wish.tokens, tokens),
                           .wanted = wish.all_logits ? tokens : 0,
                           .dtype = wish.dtype,
                           .device = {wish.separate_device ? STRATA_CUDA : STRATA_CPU, 0},
                           .attention_bytes = wish.attention_bytes};
  uint64_t most = 0, turns = 0;
  const auto wanted = wish.all_logits ? tokens : request.sequences;
  const auto count = static_cast<uint32_t>(model.family->units().size());
  for (uint32_t unit = 0; unit < count; ++unit) {
    const auto measure = dry_run::measure(*model.family, unit, request);
    const auto products = model.family->units()[unit].kind == STRATA_UNIT_HEAD
                              ? static_cast<uint64_t>(wanted) * wish.adapter_scratch.wanted
                              : static_cast<uint64_t>(tokens) * wish.adapter_scratch.token;
    most = std::max(most, measure.peak_bytes + products);
    for (const auto& layer : measure.kv)
      turns = std::max(turns, static_cast<uint64_t>(tokens * layer.dim_qk) * sizeof(float));
    if (unit + 1 == count)
      most += static_cast<uint64_t>(measure.rows * measure.columns) * sizeof(float);
  }
  // The pass itself holds a rope's cosines and sines and as many numbers to make them of, the
  // embedding's rows, ids, positions and the block table.
  const auto rows = static_cast<uint64_t>(tokens * row_width(model)) * element_bytes(wish.dtype);
  constexpr uint64_t token_bytes = 64, small = 16u << 10;
  const auto blocks = static_cast<uint64_t>(request.sequences * (request.keys / kv_block + 1));
  return most + 4 * turns + rows + static_cast<uint64_t>(tokens) * token_bytes +
         blocks * sizeof(int64_t) + small;
}

uint64_t kv_bytes(const Model& model, const Wish& wish, const KvRoom& kv) {
  if (wish.tokens == 0) return 0;
  const auto blocks = static_cast<uint64_t>((kv.tokens + kv.block - 1) / kv.block) * kv.sequences;
  uint64_t token = 0;
  dry_run::KvLayers layers;
  for (uint32_t unit = 0; unit < model.family->units().size(); ++unit) {
    const auto measure = dry_run::measure(*model.family, unit, {.dtype = wish.dtype});
    layers.add(model.family->units()[unit], measure);
    for (const auto& layer : measure.kv)
      token += static_cast<uint64_t>(layer.kv_heads * (layer.dim_qk + layer.dim_v)) *
               element_bytes(wish.dtype);
  }
  return blocks * kv.block * token;
}

}  // namespace strata::run
