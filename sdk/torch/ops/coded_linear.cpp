#include "torch/ops/coded_linear.hpp"

#include <ATen/ops/mm.h>

#include <algorithm>

#include "core/run/packed.hpp"
#include "torch/ops/coded_product.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

at::Tensor as_it_lies(const CodedProduct& product, const at::Tensor& x, const CodedWeight& weight,
                      strata_call* call) {
  CodedArguments one(product, x, call, "linear");
  const auto parts = one.parts(weight);
  one.arguments.parts = &parts;
  plugin::multiply(product.codec, one.arguments);
  return one.result();
}

at::Tensor by_tiles(const at::Tensor& x, const CodedWeight& weight, const at::Tensor& bias,
                    const CodecCall& how) {
  const auto rows = weight.rows(), most = run::tile_rows(weight.columns, x.is_cuda());
  if (rows <= most) return linear(x, unpacked(weight, x.scalar_type(), how), bias);
  auto y = at::empty({x.size(0), rows}, x.options());
  for (int64_t first = 0; first < rows; first += most) {
    const auto count = std::min(most, rows - first);
    const auto tile = unpacked(weight.narrow(first, count), x.scalar_type(), how);
    auto part = y.narrow(1, first, count);
    if (x.is_cuda() && !bias.defined())
      at::mm_out(part, x, tile.t());
    else
      part.copy_(linear(x, tile, bias.defined() ? bias.narrow(0, first, count) : bias));
  }
  return y;
}

}  // namespace

at::Tensor coded_linear(const at::Tensor& x, const CodedWeight& weight, const at::Tensor& bias,
                        const CodecCall& how) {
  const CodedProduct product(weight, x, x.size(0), how);
  if (x.size(0) == 0 || !plugin::can_multiply(product.codec, product.kind))
    return by_tiles(x, weight, bias, how);
  auto y = as_it_lies(product, x.contiguous(), weight, how.call);
  return bias.defined() ? y.add_(bias) : y;
}

}  // namespace strata::torch
