#include "torch/train/trainer.hpp"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "core/adapter/adapter.hpp"
#include "core/error.hpp"
#include "torch/form.hpp"
#include "torch/mode.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

// The factor of a loss's gradient. A loss that is not finite may have a gradient that is: its
// factor is NaN, so that the step changes no weight. The device decides, and nothing waits for it.
at::Tensor factor_of(const at::Tensor& loss, double factor, const at::Tensor& gradient) {
  return loss.mul(0).add_(factor).to(gradient.scalar_type());
}

}  // namespace

TorchTrainer::TorchTrainer(train::TrainerOptions options)
    : options_(std::move(options)), deterministic_(options_.deterministic),
      units_(options_.compute), products_(options_.products) {
  if (const auto& adapter = options_.compute.adapter)
    throw Error(adapter->path, "adapters are not trained yet",
                "train the model of both: `strata import MODEL --adapter DIR --output NEW`");
  if (options_.compute.kv.tokens != 0) throw Error("training", "its passes have no KV cache", "");
  if (options_.loss_rows < 1) throw Error("training", "no row of logits may be computed", "");
  training_.reduce = scalar_type(options_.reduce);
  units_.shared().training = &training_;
}

void* TorchTrainer::stream() { return on().stream ? on().stream->native_handle() : nullptr; }

void TorchTrainer::begin(const train::MicroBatch& batch, const train::StepSettings& step) {
  as_errors("training", [&] {
    const c10::NoGradGuard unrecorded;
    const c10::OptionalStreamGuard stream(on().stream);
    const auto tokens = batch.ids.size();
    if (batch.targets.size() != tokens || batch.weights.size() != tokens ||
        batch.rows.size() != batch.sequences.size())
      throw Error("training",
                  "a micro-batch needs a target and a weight for each token, and a row "
                  "number for each sequence",
                  "");
    units_.begin({batch.ids, batch.sequences, {}});
    step_ = step;
    scored_.clear(), targets_.clear(), weights_.clear();
    pairs_ = tokens_of(batch.pairs);
    for (const auto token : pairs_.rows)
      if (token < 0 || token >= static_cast<int64_t>(tokens))
        throw Error("training", "a pair compares tokens that are not in its micro-batch", "");
    for (std::size_t t = 0; t < tokens; ++t) {
      if (batch.targets[t] < 0) continue;
      scored_.push_back(static_cast<int64_t>(t));
      targets_.push_back(batch.targets[t]);
      weights_.push_back(batch.weights[t]);
    }
    std::vector<uint64_t> rows;
    std::vector<int64_t> positions;
    for (std::size_t s = 0; s < batch.sequences.size(); ++s)
      for (int64_t p = 0; p < batch.sequences[s].count; ++p)
        rows.push_back(batch.rows[s]), positions.push_back(p);
    training_.drops = step.training;
    training_.draws.begin(step.seed, step.step, rows, positions);
    training_.routers.begin(options_.router_coefficient);
    training_.router_scale = step.router_share * step.loss_scale;
    products_.begin();
    graphs_.begin();
    hidden_ = gradient_ = loss_ = right_ = at::Tensor();
  });
}

at::Tensor& TorchTrainer::hidden(const zero::Unit& unit) {
  if (!hidden_.defined()) throw Error(unit.name, "no unit ran before it", "");
  return hidden_;
}

void TorchTrainer::keep(std::byte* input) {
  borrowed(input, hidden_.sizes(), units_.shared().dtype, on().device).copy_(hidden_);
}

void TorchTrainer::run(const zero::Unit& unit, const std::byte* weights, std::byte* input) {
  as_errors(unit.name, [&] {
    const c10::NoGradGuard unrecorded;
    const c10::OptionalStreamGuard stream(on().stream);
    const bool first = unit.kind == STRATA_UNIT_EMBEDDING;
    const auto x = first ? units_.shared().pass.on(on().device).ids : hidden(unit);
    if (!first && input) keep(input);
    hidden_ = units_.forward(unit, units_.views(unit, weights, on()), on(), x);
    width_ = hidden_.size(1);
  });
}

void TorchTrainer::keep_output(std::byte* input) {
  as_errors("training", [&] {
    const c10::NoGradGuard unrecorded;
    const c10::OptionalStreamGuard stream(on().stream);
    if (!hidden_.defined()) throw Error("training", "no unit ran", "");
    keep(input);
    hidden_ = at::Tensor();
  });
}

void TorchTrainer::differentiate(const at::Tensor& y, const at::Tensor& gradient,
                                 const UnitWeights& leaves, Recorded& recorded) {
  std::vector<at::Tensor> outputs, gradients;
  if (y.requires_grad()) outputs.push_back(y), gradients.push_back(gradient);
  for (const auto& seen : recorded.probabilities) {
    if (!seen.requires_grad()) continue;
    outputs.push_back(seen);
    gradients.push_back(training_.routers.gradient()
                            .mul(training_.router_scale)
                            .to(seen.scalar_type())
                            .expand(seen.sizes()));
  }
  recorded.probabilities.clear();
  if (!outputs.empty()) ::torch::autograd::backward(outputs, gradients);
  if (!recorded.gradients) return;
  const c10::NoGradGuard unrecorded;
  for (const auto& leaf : leaves.leaves()) {
    if (!leaf.value.grad().defined()) continue;
    recorded.gradients->add(leaf.first, leaf.members, leaf.value.grad());
    leaf.value.mutable_grad().reset();
  }
  const auto& ids = units_.shared().pass.on(on().device).ids;
  for (const auto& [table, rows] : recorded.rows)
    if (rows.grad().defined()) recorded.gradients->add_rows(table, ids, rows.grad());
}

void TorchTrainer::rerun(const zero::Unit& unit, const train::Flat& flat, const std::byte* weights,
                         const std::byte* input, std::byte* gradients) {
  as_errors(unit.name, [&] {
    const c10::OptionalStreamGuard stream(on().stream);
    const c10::AutoGradMode recorded_mode(true);
    if (width_ == 0) throw Error(unit.name, "no unit ran before its backward", "");
    Gradients places(flat, gradients, training_.reduce, on().device);
    Recorded recorded;
    if (gradients) recorded.gradients = &places;
    const UnitWeights leaves(unit, weights, on().device, gradients != nullptr);
    if (unit.kind != STRATA_UNIT_HEAD) {
      rerun_body(unit, leaves, input, recorded);
    } else {
      const auto tokens = units_.shared().pass.ragged().tokens;
      rerun_head(unit, leaves,
                 borrowed(input, {tokens, width_}, units_.shared().dtype, on().device), recorded);
    }
    const c10::NoGradGuard unrecorded;
    if (gradients) places.finish();
  });
}

void TorchTrainer::rerun_body(const zero::Unit& unit, const UnitWeights& leaves,
                              const std::byte* input, Recorded& recorded) {
  if (!gradient_.defined()) throw Error(unit.name, "no unit behind it was rerun", "");
  const auto& pass = units_.shared().pass.on(on().device);
  const bool first = unit.kind == STRATA_UNIT_EMBEDDING;
  auto x = first ? pass.ids
                 : borrowed(input, {pass.ids.size(0), width_}, units_.shared().dtype, on().device);
  if (!first) x.requires_grad_(true);
  const auto y = units_.forward(unit, leaves, on(), x, &recorded);
  differentiate(y, std::exchange(gradient_, {}), leaves, recorded);
  if (first) return;
  gradient_ = x.grad().defined() ? x.grad() : at::zeros_like(x);
}

void TorchTrainer::record(const zero::Unit& unit, const train::Flat& flat,
                          const std::byte* weights) {
  as_errors(unit.name, [&] {
    const c10::OptionalStreamGuard stream(on().stream);
    const c10::AutoGradMode recorded_mode(true);
    auto graph = std::make_unique<Graph>(unit, flat, training_.reduce, on().device);
    const bool first = unit.kind == STRATA_UNIT_EMBEDDING;
    graph->x = first ? units_.shared().pass.on(on().device).ids
                     : hidden(unit).detach().requires_grad_(true);
    graph->memory.put(weights);
    graph->y = units_.forward(unit, graph->weights, on(), graph->x, &graph->recorded);
    graph->memory.put(nullptr);
    hidden_ = graph->y.detach();
    width_ = hidden_.size(1);
    graphs_.keep(unit, std::move(graph));
  });
}

void TorchTrainer::backward(const zero::Unit& unit, const std::byte* weights,
                            std::byte* gradients) {
  as_errors(unit.name, [&] {
    const c10::OptionalStreamGuard stream(on().stream);
    const c10::AutoGradMode recorded_mode(true);
    const auto graph = graphs_.take(unit);
    if (!gradient_.defined()) throw Error(unit.name, "no unit behind it had its backward", "");
    if (graph->is_trained() != (gradients != nullptr))
      throw Error(unit.name, "its gradients are wanted, or there are none", "");
    graph->memory.put(weights);
    graph->gradients.write_to(gradients);
    differentiate(std::exchange(graph->y, {}), std::exchange(gradient_, {}), graph->weights,
                  graph->recorded);
    const auto& x = graph->x;
    if (unit.kind != STRATA_UNIT_EMBEDDING)
      gradient_ = x.grad().defined() ? x.grad() : at::zeros_like(x);
    const c10::NoGradGuard unrecorded;
    if (graph->is_trained()) graph->gradients.finish();
  });
}

void TorchTrainer::check_head(const zero::Unit& head) const {
  const auto columns = units_.vocabulary(head);
  if (head.first_row != 0)
    throw Error(head.name, "the head of a training is one unit, no tiles", "");
  for (const auto target : targets_)
    if (target >= columns)
      throw Error(
          head.name,
          "a token is to predict " + std::to_string(target) + " of " + std::to_string(columns),
          "correct the data");
}

template <class F>
void TorchTrainer::by_tokens(std::span<const int64_t> tokens, F&& f) {
  const auto all = static_cast<int64_t>(tokens.size());
  if (all == 0) return;
  const auto rows = uploaded(at::tensor(tokens, at::kLong), on().device);
  for (int64_t first = 0; first < all; first += options_.loss_rows) {
    const auto count = std::min(options_.loss_rows, all - first);
    training_.draws.choose(
        tokens.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
    f(first, rows.narrow(0, first, count));
  }
  training_.draws.all();
}

template <class F>
void TorchTrainer::by_rows(F&& f) {
  const auto& device = on().device;
  if (scored_.empty()) return;
  const auto targets = uploaded(at::tensor(targets_, at::kLong), device),
             weights = uploaded(at::tensor(weights_, at::kFloat), device);
  by_tokens(scored_, [&](int64_t first, const at::Tensor& rows) {
    const auto count = rows.size(0);
    f(rows, Goals{targets.narrow(0, first, count), weights.narrow(0, first, count),
                  step_.label_smoothing});
  });
}

void TorchTrainer::add_loss(const at::Tensor& sum) {
  loss_ = loss_.defined() ? loss_.add(sum) : sum;
}

// Logits of some rows at a time: those of all rows would be the largest tensor of the step.
void TorchTrainer::rerun_head(const zero::Unit& head, const UnitWeights& leaves,
                              const at::Tensor& input, Recorded& recorded) {
  if (pairs_.pairs > 0) return rerun_critic(head, leaves, input, recorded);
  check_head(head);
  gradient_ = at::zeros_like(input);
  const double factor = step_.scale * step_.loss_scale;
  by_rows([&](const at::Tensor& rows, const Goals& goals) {
    const auto x = input.index_select(0, rows).requires_grad_(true);
    const auto logits = units_.forward(head, leaves, on(), x, &recorded);
    auto [sum, gradient] = rows_loss(logits, goals, true);
    add_loss(sum);
    gradient.mul_(factor_of(sum, factor, gradient));
    differentiate(logits, gradient.to(logits.scalar_type()), leaves, recorded);
    const c10::NoGradGuard unrecorded;
    if (x.grad().defined()) gradient_.index_copy_(0, rows, x.grad());
  });
}

PairLoss TorchTrainer::compare_pairs(const zero::Unit& head, const UnitWeights& weights,
                                     const at::Tensor& input) {
  const c10::NoGradGuard unrecorded;
  if (units_.vocabulary(head) != 1)
    throw Error(head.name, "it has no value head to compare pairs with", "train a critic");
  std::vector<at::Tensor> rewards;
  by_tokens(pairs_.rows, [&](int64_t, const at::Tensor& rows) {
    rewards.push_back(units_.forward(head, weights, on(), input.index_select(0, rows)));
  });
  auto out = pair_loss(at::cat(rewards).squeeze(1), pairs_);
  add_loss(out.sum);
  right_ = out.right;
  return out;
}

// All rewards are computed before any gradient, since a token's depends on the other sequence's.
void TorchTrainer::rerun_critic(const zero::Unit& head, const UnitWeights& leaves,
                                const at::Tensor& input, Recorded& recorded) {
  const auto pairs = compare_pairs(head, leaves, input);
  const auto gradient =
      pairs.gradient.mul(factor_of(pairs.sum, step_.scale * step_.loss_scale, pairs.gradient));
  gradient_ = at::zeros_like(input);
  const auto compared = std::span(pairs_.rows).first(static_cast<std::size_t>(gradient.size(0)));
  by_tokens(compared, [&](int64_t first, const at::Tensor& rows) {
    const auto x = input.index_select(0, rows).requires_grad_(true);
    const auto rewards = units_.forward(head, leaves, on(), x, &recorded);
    const auto own = gradient.narrow(0, first, rows.size(0)).unsqueeze(1);
    differentiate(rewards, own.to(rewards.scalar_type()), leaves, recorded);
    const c10::NoGradGuard unrecorded;
    if (x.grad().defined()) gradient_.index_copy_(0, rows, x.grad());
  });
}

void TorchTrainer::use_products(const zero::Unit& unit, const std::byte* weights) {
  as_errors(unit.name, [&] {
    const c10::NoGradGuard unrecorded;
    const c10::OptionalStreamGuard stream(on().stream);
    products_.use(unit, weights, on().device, units_.shared().adapters);
  });
}

void TorchTrainer::product_gradients(const train::Flat& flat, std::byte* gradients) {
  as_errors("products", [&] {
    const c10::NoGradGuard unrecorded;
    const c10::OptionalStreamGuard stream(on().stream);
    products_.give(flat, gradients, training_.reduce);
  });
}

void TorchTrainer::no_gradients(std::byte* gradients, uint64_t bytes) {
  as_errors("gradients", [&] {
    const c10::NoGradGuard unrecorded;
    const c10::OptionalStreamGuard stream(on().stream);
    borrowed(gradients, {static_cast<int64_t>(bytes)}, at::kByte, on().device).zero_();
  });
}

void TorchTrainer::score(const zero::Unit& head, const std::byte* weights) {
  as_errors(head.name, [&] {
    const c10::NoGradGuard unrecorded;
    const c10::OptionalStreamGuard stream(on().stream);
    check_head(head);
    const auto& views = units_.views(head, weights, on());
    const auto& input = hidden(head);
    if (pairs_.pairs > 0) {
      compare_pairs(head, views, input);
      return;
    }
    by_rows([&](const at::Tensor& rows, const Goals& goals) {
      const auto logits = units_.forward(head, views, on(), input.index_select(0, rows));
      add_loss(rows_loss(logits, goals, false).sum);
    });
  });
}

train::Loss TorchTrainer::loss() {
  return as_errors("loss", [&] {
    const c10::NoGradGuard unrecorded;
    const c10::OptionalStreamGuard stream(on().stream);
    train::Loss out;
    if (loss_.defined()) out.tokens = loss_.item<double>() * step_.scale;
    if (right_.defined()) out.right = right_.item<int64_t>();
    if (!training_.routers.has_loss()) return out;
    if (const auto routers = training_.routers.loss(); routers.defined())
      out.routers = routers.item<double>() * step_.router_share;
    return out;
  });
}

}  // namespace strata::torch

extern "C" __attribute__((visibility("default"))) std::unique_ptr<strata::train::Trainer>
strata_open_trainer(const strata::train::TrainerOptions& options) {
  return std::make_unique<strata::torch::TorchTrainer>(options);
}
