#include <ATen/CPUGeneratorImpl.h>

#include "torch/ops/arithmetic.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

at::Tensor dropout(const at::Tensor& x, double p, uint64_t seed) {
  if (p <= 0) return x;
  auto generator = at::detail::createCPUGenerator(seed);
  auto kept = at::empty(x.sizes(), at::TensorOptions().dtype(at::kFloat));
  kept.bernoulli_(1 - p, generator);
  const auto scale = p < 1 ? 1 / (1 - p) : 0.0;
  return x.mul(kept.mul_(scale).to(x.device(), x.scalar_type()));
}

void arithmetic::dropout(UnitCall& on, const Args& args, Results out) {
  const auto& [p, tensor] = args.of<&strata_ops::dropout>();
  const auto& x = value_of(*tensor);
  out[0] = handle(on.shared.recording ? torch::dropout(x, p, on.next_seed()) : x);
}

}  // namespace strata::torch
