#include "core/error.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

// For probabilities of attention [S,H,Q,L], padded by sequence: what is beyond a sequence's tokens
// is dropped.
at::Tensor kept_of_attention(const UnitCall& on, const at::Tensor& x, double p,
                             Draws::Source source) {
  const auto& ragged = on.shared.pass.attended();
  auto kept = at::zeros(x.sizes(), x.options().dtype(at::kBool));
  for (std::size_t i = 0; i < ragged.sequences.size(); ++i) {
    const auto& s = ragged.sequences[i];
    kept.select(0, static_cast<int64_t>(i))
        .narrow(1, 0, s.count)
        .copy_(on.shared.training->draws.kept_pairs(
            source, p, {s.start, s.count, x.size(1), x.size(3)}, x.device()));
  }
  return kept;
}

}  // namespace

void arithmetic::dropout(UnitCall& on, const Args& args, Results out) {
  const auto& [p, tensor] = args.of<&strata_ops::dropout>();
  const auto& x = value_of(*tensor);
  if (!on.drops() || p <= 0) {
    out[0] = handle(x);
    return;
  }
  const auto source = on.next_source();
  const auto& ragged = on.shared.pass.attended();
  if (x.dim() == 4 && x.size(0) == static_cast<int64_t>(ragged.sequences.size()) &&
      x.size(2) == ragged.max_query) {
    out[0] = handle(dropped(x, kept_of_attention(on, x, p, source), p));
    return;
  }
  if (x.size(0) != on.tokens)
    throw Error("dropout", "x has no row for each token", "correct the plugin");
  const auto kept = on.shared.training->draws.kept(source, p, x.numel() / x.size(0), x.device());
  out[0] = handle(dropped(x, kept.view(x.sizes()), p));
}

}  // namespace strata::torch
