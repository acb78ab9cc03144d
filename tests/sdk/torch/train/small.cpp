#include "tests/sdk/torch/train/small.hpp"

#include <cmath>

#include "torch/pch.hpp"

namespace strata::torch::test {

namespace {

at::Tensor rms(const at::Tensor& x) { return x.mul(at::rsqrt(x.mul(x).mean(-1, true).add(1e-6))); }
at::Tensor rms(const at::Tensor& x, const at::Tensor& weight) { return rms(x).mul(weight); }

at::Tensor attention(const Weights& w, const at::Tensor& x) {
  const auto in = at::layer_norm(x, {Small::D}, w.at("a.norm.weight"), w.at("a.norm.bias"), 1e-5);
  const auto n = x.size(0);
  const auto heads = [&](const std::string& name) {
    return at::linear(in, w.at("a." + name + ".weight"), w.at("a." + name + ".bias"))
        .view({n, -1, Small::E})
        .transpose(0, 1);
  };
  const auto share = Small::H / Small::K;
  const auto q = heads("q"), k = at::repeat_interleave(rms(heads("k")), share, 0),
             v = at::repeat_interleave(heads("v"), share, 0);
  const auto at_token = at::arange(n, at::kLong);
  const auto behind = at_token.unsqueeze(1).sub(at_token);
  const auto hidden = behind.lt(0).logical_or(behind.ge(5));
  const auto scores = at::matmul(q, k.transpose(1, 2)).div(std::sqrt(double{Small::E}));
  const auto p = at::softmax(scores.masked_fill(hidden, -INFINITY), -1);
  const auto y = at::matmul(p, v).transpose(0, 1).reshape({n, -1});
  return x.add(at::linear(y, w.at("a.o.weight"), w.at("a.o.bias")));
}

at::Tensor gated(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& up,
                 const at::Tensor& down) {
  return at::linear(at::silu(at::linear(x, gate)).mul(at::linear(x, up)), down);
}

}  // namespace

SmallResult small_reference(const Weights& w, const at::Tensor& ids, bool sigmoid) {
  auto x = w.at("embed.weight")
               .index_select(0, ids)
               .add(w.at("positions.weight").narrow(0, 0, ids.size(0)));
  x = attention(w, x);
  auto in = rms(x, w.at("b.norm.weight"));
  in = at::linear(at::linear(in, w.at("b.twice.weight")), w.at("b.twice.weight"));
  x = x.add(gated(in, w.at("b.gate.weight"), w.at("b.up.weight"), w.at("b.down.weight")));

  in = rms(x, w.at("c.norm.weight"));
  SmallResult out;
  out.router = at::linear(in, w.at("c.router.weight"));
  const auto scores = sigmoid ? out.router.sigmoid() : at::softmax(out.router, -1);
  const auto [best, chosen] = scores.topk(Small::k, -1);
  const auto weights = best.div(best.sum(-1, true)).mul(1.5);
  // Every expert sees every token, with the weight 0 where it is not chosen.
  const auto all = at::zeros_like(scores).scatter(1, chosen, weights);
  auto sum = x.add(at::linear(in, w.at("c.shared.weight")));
  for (int64_t e = 0; e < Small::X; ++e) {
    const auto expert = "c.experts." + std::to_string(e) + ".";
    const auto y = gated(in, w.at(expert + "gate.weight"), w.at(expert + "up.weight"),
                         w.at(expert + "down.weight"));
    sum = sum.add(y.mul(all.narrow(1, e, 1)));
  }
  out.logits =
      at::tanh(at::linear(rms(sum, w.at("norm.weight")), w.at("head.weight")).div(5)).mul(5);
  return out;
}

}  // namespace strata::torch::test
