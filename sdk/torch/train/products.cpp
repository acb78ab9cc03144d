#include "torch/train/products.hpp"

#include <string>

#include "core/error.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

void check(const train::Products& products) {
  if (!(products.dropout >= 0 && products.dropout < 1))
    throw Error("dropout", "it is no probability below 1", "give a number from 0 to below 1");
  if (products.dropout == 0) return;
  for (const auto& product : products.all)
    if (product.module.parameter || product.module.router)
      throw Error(product.module.name, "a product of a parameter drops nothing",
                  "set dropout to 0, or choose other modules");
}

// The part of the sums that belongs to a weight of this shape.
at::Tensor place_of(const at::Tensor& sums, const train::Flat& flat, uint32_t weight,
                    at::IntArrayRef shape) {
  const auto* piece = train::piece_of(flat, weight);
  if (!piece) throw Error("products", "weight " + std::to_string(weight) + " has no place", "");
  return sums.narrow(0, static_cast<int64_t>(piece->first), static_cast<int64_t>(piece->count))
      .view(shape);
}

}  // namespace

TrainedProducts::TrainedProducts(train::Products products) : products_(std::move(products)) {
  check(products_);
}

at::Tensor TrainedProducts::weight(uint32_t index, at::IntArrayRef shape) const {
  const auto* w = index < unit_->weights.size() ? &unit_->weights[index] : nullptr;
  if (!w || !w->is_held() || at::IntArrayRef(w->shape) != shape ||
      scalar_type(w->run.dtype()) != at::kFloat)
    throw Error(unit_->name,
                "weight " + std::to_string(index) + " is not the matrix of a product in float32",
                "");
  return borrowed(weights_ + w->run.at, shape, at::kFloat, sums_.device());
}

void TrainedProducts::use(const zero::Unit& unit, const std::byte* weights,
                          const at::Device& device, Adapters& adapters) {
  if (unit_ == &unit && weights_ == weights) return;
  const auto flat = train::flat_of(unit);
  const auto elements = static_cast<int64_t>(flat.elements);
  if (!sums_.defined() || sums_.numel() != elements)
    sums_ = at::zeros({elements}, at::TensorOptions().dtype(at::kFloat).device(device));
  unit_ = &unit;
  weights_ = weights;
  Adapters made;
  for (uint64_t i = 0; i < products_.all.size(); ++i) add(products_.all[i], i, flat, made);
  adapters = std::move(made);
}

void TrainedProducts::add(const train::TrainedProduct& product, uint64_t number,
                          const train::Flat& flat, Adapters& adapters) const {
  const auto& module = product.module;
  const int64_t experts = module.experts;
  const std::vector<int64_t> a{experts, product.rank, module.in},
      b{experts, module.out, product.rank};
  LowRank whole;
  whole.a = weight(product.a, a);
  whole.b = weight(product.b, b);
  whole.scale = product.scale;
  whole.a_sum = place_of(sums_, flat, product.a, a);
  whole.b_sum = place_of(sums_, flat, product.b, b);
  // PEFT draws nothing for a table.
  if (module.kind != adapter::Kind::table) whole.dropout = products_.dropout;
  whole.number = number;
  adapters.add(module, whole);
}

void TrainedProducts::begin() {
  if (sums_.defined()) sums_.zero_();
}

void TrainedProducts::give(const train::Flat& flat, std::byte* gradients,
                           at::ScalarType type) const {
  if (!sums_.defined() || static_cast<int64_t>(flat.elements) != sums_.numel())
    throw Error("products", "their gradients have other places than their weights", "");
  borrowed(gradients, sums_.sizes(), type, sums_.device()).copy_(sums_);
}

}  // namespace strata::torch
