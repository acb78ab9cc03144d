#include "torch/kv_cache.hpp"

#include <string>

#include "core/error.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

constexpr uint32_t most_layers = 1u << 16;

at::Tensor room_for(const Pass& pass, const at::Tensor& x) {
  const auto& room = pass.room();
  return at::zeros({room.sequences * pass.blocks(), room.block, x.size(1), x.size(2)}, x.options());
}

void put(at::Tensor& cache, Pass& pass, const at::Tensor& x) {
  auto rows = cache.view({-1, x.size(1), x.size(2)});
  const auto& all = pass.ragged().sequences;
  if (all.size() == 1) {
    const auto& s = all.front();
    rows.narrow(0, s.cache_row + s.keys - s.count, s.count).copy_(x);
  } else {
    rows.index_copy_(0, pass.on(x.device()).cache_rows, x);
  }
}

}  // namespace

const KvCache::Layer& KvCache::append(uint32_t layer, Pass& pass, const at::Tensor& k,
                                      const at::Tensor& v) {
  if (layer >= most_layers)
    throw Error("attention", "layer " + std::to_string(layer) + " is beyond any model",
                "number the layers from 0");
  if (layer >= layers_.size()) layers_.resize(layer + 1);
  auto& cache = layers_[layer];
  if (!cache.k.defined()) cache = {room_for(pass, k), room_for(pass, v)};
  put(cache.k, pass, k);
  put(cache.v, pass, v);
  return cache;
}

void KvCache::reset() {
  for (auto& layer : layers_) {
    if (layer.k.defined()) layer.k.zero_();
    if (layer.v.defined()) layer.v.zero_();
  }
}

}  // namespace strata::torch
