#include "torch/ops/grouped_linear.hpp"

#include "torch/ops/coded_product.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

bool can_group(const CodedWeight& weight, const at::Tensor& like, int64_t rows,
               const CodecCall& how) {
  const CodedProduct product(weight, like, rows, how);
  return plugin::can_group(product.codec, product.kind);
}

at::Tensor grouped_linear(const at::Tensor& x, std::span<const CodedWeight> weights,
                          std::span<const int64_t> ends, const CodecCall& how) {
  const auto rows = x.contiguous();
  const CodedProduct product(weights.front(), rows, rows.size(0), how);
  CodedArguments call(product, rows, how.call, "linear_grouped");
  std::vector<plugin::GroupedParts> grouped;
  for (std::size_t i = 0; i < weights.size(); ++i)
    grouped.push_back({call.parts(weights[i]), ends[i]});
  plugin::multiply_grouped(product.codec, grouped, call.arguments);
  return call.result();
}

}  // namespace strata::torch
