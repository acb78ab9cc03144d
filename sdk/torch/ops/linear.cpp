#include <ATen/core/dispatch/Dispatcher.h>

#include "torch/ops/adapted.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/few_tokens.hpp"
#include "torch/ops/functions.hpp"
#include "torch/ops/parts.hpp"
#include "torch/ops/recorded_linear.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

constexpr int64_t many_tokens = 32;

at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto tokens = x.size(0), in = x.size(1), out = weight.size(0);
  auto y = at::empty({tokens, out}, x.options());
  const auto dense = x.contiguous();
  const FewTokens p{dense.const_data_ptr<float>(),
                    weight.const_data_ptr<float>(),
                    bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                    y.data_ptr<float>(),
                    tokens,
                    in,
                    out};
  in_parts(out, tokens * in,
           [&](int64_t first, int64_t last) { few_tokens_product(p, first, last); });
  return y;
}

using Pointwise = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                             std::string_view, c10::List<std::optional<at::Scalar>>,
                             std::optional<std::string_view>);

// oneDNN's product, for many tokens: it uses the processor's features where MKL, on some vendors'
// processors, does not. Undefined where LibTorch was built without it.
at::Tensor many_tokens_product(const at::Tensor& x, const at::Tensor& weight,
                               const at::Tensor& bias) {
  static const auto found =
      c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  if (!found) return {};
  static const auto op = found->typed<Pointwise>();
  const auto b = bias.defined() ? std::optional(bias) : std::nullopt;
  return op.call(x, weight, b, "none", c10::List<std::optional<at::Scalar>>(), "");
}

at::Tensor by_torch(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const bool alike = !bias.defined() || bias.is_contiguous();
  if (plain_loops(x) && x.dim() == 2 && x.size(0) <= few_tokens && weight.is_contiguous() && alike)
    return product(x, weight, bias);
  if (plain_loops(x) && x.dim() == 2 && x.size(0) >= many_tokens && x.is_contiguous() &&
      weight.is_contiguous() && alike)
    if (auto y = many_tokens_product(x, weight, bias); y.defined()) return y;
  return by_torch(x, weight, bias);
}

at::Tensor differentiable_linear(const at::Tensor& x, const at::Tensor& weight,
                                 const at::Tensor& bias) {
  return c10::InferenceMode::is_enabled() ? linear(x, weight, bias) : by_torch(x, weight, bias);
}

void arithmetic::linear(UnitCall& on, const Args& args, Results out) {
  const auto& [op, tensor] = args.of<&strata_ops::linear>();
  const auto& x = value_of(*tensor);
  const bool biased = op->bias != STRATA_NONE;
  const auto give = [&, op = op](uint32_t member, at::Tensor y) {
    out[member] = handle(adapted(std::move(y), x, on, op->weight + member));
  };
  const auto weight = on.weights.packed(op->weight, op->members);
  const auto bias = biased ? on.weights.packed(op->bias, op->members) : at::Tensor();
  auto* gradients = on.recorded ? on.recorded->gradients : nullptr;
  const auto product_of = [&](const at::Tensor& w, const at::Tensor& b, const ProductPlace& place) {
    return on.recorded ? recorded_linear(x, w, b, place) : torch::linear(x, w, b);
  };
  if (!weight || !bias) {  // not one product: the members are not adjacent in memory
    for (uint32_t i = 0; i < op->members; ++i)
      give(i, product_of(on.weights.at(op->weight + i),
                         biased ? on.weights.at(op->bias + i) : at::Tensor(),
                         {gradients, op->weight + i, biased ? op->bias + i : STRATA_NONE, 1}));
    return;
  }
  auto y = product_of(*weight, *bias, {gradients, op->weight, op->bias, op->members});
  if (op->members == 1) return give(0, std::move(y));
  int64_t first = 0;
  for (uint32_t i = 0; i < op->members; ++i) {
    const auto width = on.weights.at(op->weight + i).size(0);
    give(i, y.narrow(-1, first, width));
    first += width;
  }
}

}  // namespace strata::torch
