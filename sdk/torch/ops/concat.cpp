#include <vector>

#include "torch/ops/arithmetic.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch::arithmetic {

void concat(UnitCall&, const Args& args, Results out) {
  const auto& [in, count] = args.of<&strata_ops::concat>();
  std::vector<at::Tensor> parts;
  for (uint32_t i = 0; i < count; ++i) parts.push_back(value_of(*in[i]));
  // Lengths before the last are equal, or 1 and then broadcast.
  auto sizes = parts.front().sizes().vec();
  for (const auto& part : parts)
    for (std::size_t d = 0; d + 1 < sizes.size(); ++d)
      if (sizes[d] == 1) sizes[d] = part.size(static_cast<int64_t>(d));
  for (auto& part : parts) {
    sizes.back() = part.size(-1);
    part = part.expand(sizes);
  }
  out[0] = handle(at::cat(parts, -1));
}

}  // namespace strata::torch::arithmetic
