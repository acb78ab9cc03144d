#include "torch/ops/recorded_product.hpp"

#include <ATen/ops/embedding_dense_backward.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "torch/draws.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

namespace autograd = ::torch::autograd;

// The gradient of scale * B A in the dtype of the product.
at::Tensor scaled(const at::Tensor& gradient, const LowRank& product) {
  return gradient.to(product.a.scalar_type()).mul(product.scale);
}

class ProductBackward final : public autograd::Node {
 public:
  ProductBackward(const at::Tensor& x, LowRank product, Dropped dropped, at::Tensor inner)
      : x_(x, false), product_(std::move(product)), dropped_(std::move(dropped)),
        inner_(std::move(inner)) {}

  autograd::variable_list apply(autograd::variable_list&& of_results) override {
    const auto& dy = of_results[0];
    if (!dy.defined()) return {at::Tensor(), at::Tensor()};
    const auto x = x_.unpack().detach();
    const auto dz = scaled(dy, product_);
    product_.b_sum.addmm_(dz.t(), inner_);
    const auto dinner = at::mm(dz, product_.b);
    product_.a_sum.addmm_(dinner.t(), dropped_.of(x.to(dinner.scalar_type())));
    if (!should_compute_output(1)) return {dy, at::Tensor()};
    return {dy, dropped_.of(at::mm(dinner, product_.a)).to(x.scalar_type())};
  }
  void release_variables() override {
    x_.reset_data();
    inner_.reset();
    dropped_.kept.reset();
  }
  std::string name() const override { return "StrataProductBackward"; }

 private:
  autograd::SavedVariable x_;
  LowRank product_;
  Dropped dropped_;
  at::Tensor inner_;
};

class RowsBackward final : public autograd::Node {
 public:
  RowsBackward(at::Tensor ids, LowRank product, at::Tensor of_ids)
      : ids_(std::move(ids)), product_(std::move(product)), of_ids_(std::move(of_ids)) {}

  autograd::variable_list apply(autograd::variable_list&& of_results) override {
    const auto& drows = of_results[0];
    if (!drows.defined()) return {at::Tensor()};
    const auto dz = scaled(drows, product_);
    product_.b_sum.addmm_(dz.t(), of_ids_);
    constexpr bool by_frequency = false;
    const auto da = at::embedding_dense_backward(at::mm(dz, product_.b), ids_, product_.a.size(1),
                                                 -1, by_frequency);
    product_.a_sum.add_(da.t());
    return {drows};
  }
  void release_variables() override {
    ids_.reset();
    of_ids_.reset();
  }
  std::string name() const override { return "StrataRowsBackward"; }

 private:
  at::Tensor ids_;
  LowRank product_;
  at::Tensor of_ids_;
};

class WeightBackward final : public autograd::Node {
 public:
  explicit WeightBackward(LowRank product) : product_(std::move(product)) {}

  autograd::variable_list apply(autograd::variable_list&& of_results) override {
    const auto& dweight = of_results[0];
    if (!dweight.defined()) return {at::Tensor()};
    const auto dz = scaled(dweight, product_);
    product_.b_sum.addmm_(dz, product_.a.t());
    product_.a_sum.addmm_(product_.b.t(), dz);
    return {dweight};
  }
  std::string name() const override { return "StrataWeightBackward"; }

 private:
  LowRank product_;
};

// `made` with a backward, whose results are the gradients of `inputs`.
template <class Backward, class... Inputs>
at::Tensor with_history(at::Tensor made, std::shared_ptr<Backward> node, const Inputs&... inputs) {
  node->set_next_edges(autograd::collect_next_edges(inputs...));
  autograd::set_history(made, node);
  return made;
}

}  // namespace

at::Tensor Dropped::of(const at::Tensor& x) const {
  return kept.defined() ? torch::dropped(x, kept, p) : x;
}

at::Tensor recorded_product(at::Tensor made, const at::Tensor& y, const at::Tensor& x,
                            const LowRank& product, const Dropped& dropped,
                            const at::Tensor& inner) {
  const std::shared_ptr<ProductBackward> node(new ProductBackward(x, product, dropped, inner),
                                              autograd::deleteNode);
  return with_history(std::move(made), node, y, x);
}

at::Tensor recorded_rows(at::Tensor made, const at::Tensor& rows, const at::Tensor& ids,
                         const LowRank& product, const at::Tensor& of_ids) {
  const std::shared_ptr<RowsBackward> node(new RowsBackward(ids, product, of_ids),
                                           autograd::deleteNode);
  return with_history(std::move(made), node, rows);
}

at::Tensor recorded_weight(at::Tensor made, const at::Tensor& weight, const LowRank& product) {
  const std::shared_ptr<WeightBackward> node(new WeightBackward(product), autograd::deleteNode);
  return with_history(std::move(made), node, weight);
}

}  // namespace strata::torch
