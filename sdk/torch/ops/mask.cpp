#include <limits>

#include "torch/ops/packed.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

at::Tensor range(int64_t first, int64_t n, const at::Device& device) {
  return at::arange(first, first + n, at::TensorOptions().dtype(at::kLong).device(device));
}

// Which keys are seen, from positions of queries [...,Q,1] and keys [L].
at::Tensor seen(const at::Tensor& query, const at::Tensor& key, const Attributes& a) {
  auto yes =
      a.causal ? key.le(query) : at::ones({query.size(-2), key.size(0)}, key.options()).gt(0);
  return a.window ? yes.bitwise_and(key.gt(query.sub(a.window))) : yes;
}

}  // namespace

at::Tensor visible(const Ragged::Sequence& s, const Attributes& a, const at::Device& device) {
  const auto query = range(s.keys - s.count, s.count, device).unsqueeze(1);
  return seen(query, range(0, s.keys, device), a);
}

at::Tensor mask(const Ragged& ragged, const Attributes& a, const at::Tensor& slopes,
                const at::Device& device) {
  const auto key = range(0, ragged.max_keys, device);
  std::vector<at::Tensor> parts;
  for (const auto& s : ragged.sequences) {
    const auto query =
        range(s.keys - s.count, ragged.max_query, device).clamp_max(s.keys - 1).unsqueeze(1);
    const auto yes = seen(query, key, a).bitwise_and(key.lt(s.keys));
    const auto real = at::TensorOptions().dtype(at::kFloat).device(device);
    auto part = at::zeros(yes.sizes(), real)
                    .masked_fill(yes.logical_not(), -std::numeric_limits<double>::infinity())
                    .unsqueeze(0);
    if (slopes.defined())
      part = part.add(slopes.to(at::kFloat).view({-1, 1, 1}).mul(key.sub(query).to(at::kFloat)));
    parts.push_back(part);
  }
  return at::stack(parts);
}

}  // namespace strata::torch
