#include <ATen/core/dispatch/Dispatcher.h>

#include "torch/ops/adapted.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/coded_linear.hpp"
#include "torch/ops/few_tokens.hpp"
#include "torch/ops/functions.hpp"
#include "torch/ops/input_squares.hpp"
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
  if (on.shared.inputs)
    for (uint32_t i = 0; i < op->members; ++i)
      add_squares(*on.shared.inputs, on.weights.name(op->weight + i), x);
  const auto give = [&, op = op](uint32_t member, at::Tensor y) {
    out[member] = handle(adapted(std::move(y), x, on, op->weight + member));
  };
  auto* gradients = on.recorded ? on.recorded->gradients : nullptr;
  // The product of adjacent members; nothing where they are not adjacent in memory.
  const auto product_of = [&, op = op](uint32_t member,
                                       uint32_t members) -> std::optional<at::Tensor> {
    const auto first = op->weight + member;
    const auto bias =
        biased ? on.weights.packed(op->bias + member, members) : std::optional(at::Tensor());
    if (!bias) return std::nullopt;
    const auto* coded = on.weights.coded(first, members);
    if (coded && !on.recorded) return coded_linear(x, *coded, *bias, on.codec_call());
    const auto weight = coded ? std::optional(unpacked(*coded, x.scalar_type(), on.codec_call()))
                              : on.weights.packed(first, members);
    if (!weight) return std::nullopt;
    const ProductPlace place{gradients, first, biased ? op->bias + member : STRATA_NONE, members};
    return on.recorded ? recorded_linear(x, *weight, *bias, place)
                       : torch::linear(x, *weight, *bias);
  };
  auto y = product_of(0, op->members);
  if (!y) {
    for (uint32_t i = 0; i < op->members; ++i) give(i, *product_of(i, 1));
    return;
  }
  if (op->members == 1) return give(0, std::move(*y));
  int64_t first = 0;
  for (uint32_t i = 0; i < op->members; ++i) {
    const auto width = on.weights.rows(op->weight + i);
    give(i, y->narrow(-1, first, width));
    first += width;
  }
}

}  // namespace strata::torch
