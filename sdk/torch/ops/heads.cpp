#include <array>

#include "core/error.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

void heads(int32_t layout, int64_t h, int64_t k, int64_t e, const at::Tensor& x,
           std::span<at::Tensor> out) {
  const auto tokens = x.size(0);
  if (k == 0) k = h;
  switch (layout) {
    case STRATA_MERGED:
      out[0] = x.reshape({tokens, -1});
      return;
    case STRATA_SINGLE:
      out[0] = x.unflatten(1, {h ? h : -1, e ? e : -1});
      return;
    case STRATA_FUSED: {  // all of q, all of k, all of v
      const auto all = x.unflatten(1, {h + 2 * k, e});
      out[0] = all.narrow(1, 0, h);
      out[1] = all.narrow(1, h, k);
      out[2] = all.narrow(1, h + k, k);
      return;
    }
    case STRATA_INTERLEAVED: {  // for each of the k heads: its queries, its key, its value
      const auto group = h / k;
      const auto all = x.unflatten(1, {k, group + 2, e});
      out[0] = all.narrow(2, 0, group).reshape({tokens, h, e});
      out[1] = all.select(2, group);
      out[2] = all.select(2, group + 1);
      return;
    }
    default:
      throw Error("heads", "there is no layout " + std::to_string(layout), "correct the family");
  }
}

void arithmetic::heads(UnitCall&, const Args& args, Results out) {
  const auto& [layout, h, k, e, x] = args.of<&strata_ops::heads>();
  std::array<at::Tensor, 3> made;
  torch::heads(layout, h, k, e, value_of(*x), made);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = handle(std::move(made.at(i)));
}

}  // namespace strata::torch
