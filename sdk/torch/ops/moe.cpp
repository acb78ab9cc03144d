#include "torch/ops/moe.hpp"

#include "core/error.hpp"
#include "torch/form.hpp"
#include "torch/ops/adapted.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/mixture.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

at::Tensor on_host(const at::Tensor& x) { return x.defined() ? x.detach().to(at::kCPU) : x; }

// The probabilities that the router loss sees: the softmax, whatever the op's scores are.
at::Tensor probabilities(const strata_op_moe& op, const at::Tensor& logits,
                         const at::Tensor& scores) {
  return op.route == STRATA_ROUTE_SOFTMAX ? scores : at::softmax(logits, -1);
}

// The experts [T,k] whose choices the router loss counts: the best by their logits alone.
at::Tensor counted(const strata_op_moe& op, const at::Tensor& logits, const at::Tensor& chosen,
                   const Router& router) {
  const bool plain = !router.choice.defined() && op.groups == 0;
  return plain ? chosen : std::get<1>(logits.topk(op.top_k, -1));
}

}  // namespace

at::Tensor moe(const strata_op_moe& op, const at::Tensor& x, const Router& router, uint32_t unit,
               run::Experts& experts, const ExpertProducts& how) {
  const auto scores = router_scores(op, router_logits(x, router, how.adapters));
  // The host has to know the choice. Made on the host, it is the same for every device where scores
  // tie.
  const auto [best, chosen] = choose(op, on_host(scores), on_host(router.choice));
  const auto weights = uploaded(routing_weights(op, best), x.device());
  return mixture(op, x, sorted(chosen, router.weight.size(0), weights), unit, experts, how);
}

at::Tensor trained_moe(const strata_op_moe& op, const at::Tensor& x, const Router& router,
                       uint32_t unit, run::Experts& experts, const Adapters& adapters,
                       Training& training, Recorded* recorded) {
  const auto logits = router_logits(x, router, &adapters);
  const auto scores = router_scores(op, logits);
  auto& routers = training.routers;
  const bool first = !routers.chosen(unit).defined();
  if (first)
    routers.choose(unit, std::get<1>(choose(op, on_host(scores), on_host(router.choice))).detach());
  const auto& chosen = routers.chosen(unit);
  const auto there = uploaded(chosen, x.device());
  if (routers.has_loss()) {
    const auto seen = probabilities(op, logits, scores);
    if (first) routers.add(seen.detach(), counted(op, logits.detach(), there, router));
    if (recorded) recorded->probabilities.push_back(seen);
  }
  const auto weights = routing_weights(op, scores.gather(1, there));
  const auto routed = sorted(chosen, router.weight.size(0), weights);
  if (!recorded) return mixture(op, x, routed, unit, experts, {.adapters = &adapters});
  return recorded_mixture(op, x, routed, unit, experts, &adapters, training.reduce);
}

void arithmetic::moe(UnitCall& on, const Args& args, Results out) {
  const auto& [op, tensor] = args.of<&strata_ops::moe>();
  auto& shared = on.shared;
  if (!shared.experts)
    throw Error("moe", "no experts are brought in this run", "use a model without experts");
  const auto& x = value_of(*tensor);
  const Router router{on.weights.at(op->router), on.weight_or_none(op->router_bias),
                      op->choice == 0 ? at::Tensor() : on.weights.at(op->choice - 1),
                      on.weights.name(op->router)};
  const auto codec = on.codec_call();
  out[0] = handle(
      shared.training
          ? trained_moe(*op, x, router, on.unit, *shared.experts, shared.adapters, *shared.training,
                        on.recorded)
          : torch::moe(*op, x, router, on.unit, *shared.experts,
                       {.adapters = &shared.adapters, .codec = &codec, .inputs = shared.inputs}));
}

}  // namespace strata::torch
