#include "torch/ops/expert.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "torch/form.hpp"
#include "torch/ops/adapted.hpp"
#include "torch/ops/coded_linear.hpp"
#include "torch/ops/functions.hpp"
#include "torch/ops/grouped_linear.hpp"
#include "torch/ops/input_squares.hpp"
#include "torch/ops/recorded_linear.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

using Expert = run::Experts::Expert;

at::Tensor held(const Expert& expert, uint32_t index, const at::Tensor& like, int64_t members = 1) {
  const auto& w = expert.form->weights[index];
  auto shape = w.shape;
  shape[0] *= members;
  return borrowed(expert.weights + w.run.at, shape, like.scalar_type(), like.device());
}

// The weight, with the next ones of its group, of as many rows each.
CodedWeight coded(const Expert& expert, uint32_t index, const at::Tensor& like, int64_t members) {
  const auto& w = expert.form->weights[index];
  const auto* from = expert.weights + w.run.at;
  return coded_over(w, w.shape[0] * members,
                    [&](uint64_t at, at::IntArrayRef shape, at::ScalarType type) {
                      return borrowed(from + at, shape, type, like.device());
                    });
}

// Whether two weights are adjacent, so that they can be one product.
bool packed(const zero::Unit& form, uint32_t first, uint32_t second) {
  const auto &a = form.weights[first], &b = form.weights[second];
  return a.group != 0 && a.group == b.group && a.run.at + a.run.bytes == b.run.at &&
         a.run.scheme == b.run.scheme && a.run.parts.size() == 1;
}

// Computes f(gate) * up; overwrites both unless gradients are recorded.
at::Tensor joined(const strata_op_moe& op, at::Tensor gate, at::Tensor up) {
  const bool in_place = !at::GradMode::is_enabled();
  if (op.limit != 0) {
    gate = in_place ? gate.clamp_max_(op.limit) : gate.clamp_max(op.limit);
    up = in_place ? up.clamp_(-op.limit, op.limit) : up.clamp(-op.limit, op.limit);
  }
  if (op.up_offset != 0) up = in_place ? up.add_(op.up_offset) : up.add(op.up_offset);
  return gated(static_cast<int32_t>(op.activation), gate, up);
}

// The MLP of one expert, or of several that can be grouped.
class Mlp {
 public:
  Mlp(const strata_op_moe& op, std::span<const Expert> experts, std::span<const int64_t> ends,
      const ExpertProducts& how)
      : op_(op), experts_(experts), ends_(ends), how_(how), form_(*experts.front().form) {}

  at::Tensor output(const at::Tensor& x) const {
    return product(inner(x), op_.down, op_.down_bias);
  }

 private:
  at::Tensor inner(const at::Tensor& x) const {
    if (op_.gate == STRATA_NONE) {
      const auto y = product(x, op_.up, op_.up_bias);
      return each(y.size(0), [&](int64_t from, int64_t count) {
        return activation(static_cast<int32_t>(op_.activation), rows(y, from, count));
      });
    }
    at::Tensor gate, up;
    if (op_.gate_bias != 0 || op_.up_bias != 0 || !packed(form_, op_.gate, op_.up)) {
      gate = product(x, op_.gate, op_.gate_bias);
      up = product(x, op_.up, op_.up_bias);
    } else {
      const auto ffn = form_.weights[op_.gate].shape[0];
      const auto both = linear_of(x, op_.gate, 2, 0);
      gate = added(both.narrow(1, 0, ffn), x, op_.gate);
      up = added(both.narrow(1, ffn, ffn), x, op_.up);
    }
    return each(gate.size(0), [&](int64_t from, int64_t count) {
      return joined(op_, rows(gate, from, count), rows(up, from, count));
    });
  }

  // The rows of f for each expert alone: LibTorch's functions round an element by its place.
  template <class F>
  at::Tensor each(int64_t count, F&& f) const {
    if (experts_.size() == 1) return f(0, count);
    std::vector<at::Tensor> out;
    by_experts([&](const Expert&, int64_t from, int64_t some) { out.push_back(f(from, some)); });
    return at::cat(out);
  }
  static at::Tensor rows(const at::Tensor& of, int64_t from, int64_t count) {
    return count == of.size(0) ? of : of.narrow(0, from, count);
  }

  // A bias is counted from 1.
  at::Tensor product(const at::Tensor& x, uint32_t index, uint32_t bias) const {
    return added(linear_of(x, index, 1, bias), x, index);
  }

  at::Tensor linear_of(const at::Tensor& x, uint32_t index, uint32_t members, uint32_t bias) const {
    if (how_.inputs)
      for (uint32_t i = index; i < index + members; ++i) note_inputs(x, i);
    const auto bias_of = [&](const Expert& expert) {
      return bias == 0 ? at::Tensor() : held(expert, bias - 1, x);
    };
    const auto& first = experts_.front();
    if (form_.weights[index].run.dense()) {
      const auto weight = held(first, index, x, members);
      const ProductPlace place{how_.gradients, index, bias == 0 ? STRATA_NONE : bias - 1, members};
      return how_.gradients ? recorded_linear(x, weight, bias_of(first), place)
                            : linear(x, weight, bias_of(first));
    }
    if (!how_.codec || how_.gradients)
      throw Error(form_.name, "an expert that trains is in its codec's form",
                  "this is a mistake in Strata");
    if (experts_.size() == 1)
      return coded_linear(x, coded(first, index, x, members), bias_of(first), *how_.codec);
    std::vector<CodedWeight> weights;
    for (const auto& expert : experts_) weights.push_back(coded(expert, index, x, members));
    auto y = grouped_linear(x, weights, ends_, *how_.codec);
    if (bias != 0)
      by_experts([&](const Expert& expert, int64_t from, int64_t count) {
        y.narrow(0, from, count).add_(bias_of(expert));
      });
    return y;
  }

  // Adds the adapter's product with that weight.
  at::Tensor added(at::Tensor y, const at::Tensor& x, uint32_t index) const {
    if (!how_.adapters) return y;
    if (experts_.size() == 1)
      return adapted(std::move(y), x, *how_.adapters, name(experts_[0], index));
    by_experts([&](const Expert& expert, int64_t from, int64_t count) {
      if (!how_.adapters->of(name(expert, index))) return;
      auto rows = y.narrow(0, from, count);
      rows.copy_(adapted(rows, x.narrow(0, from, count), *how_.adapters, name(expert, index)));
    });
    return y;
  }

  void note_inputs(const at::Tensor& x, uint32_t index) const {
    if (experts_.size() == 1) return add_squares(*how_.inputs, name(experts_[0], index), x);
    by_experts([&](const Expert& expert, int64_t from, int64_t count) {
      add_squares(*how_.inputs, name(expert, index), x.narrow(0, from, count));
    });
  }

  static const std::string& name(const Expert& expert, uint32_t index) {
    return expert.form->weights[index].name;
  }

  // Calls f(expert, its first row, its rows) for each of several.
  template <class F>
  void by_experts(F&& f) const {
    int64_t from = 0;
    for (std::size_t e = 0; e < experts_.size(); ++e) {
      f(experts_[e], from, ends_[e] - from);
      from = ends_[e];
    }
  }

  const strata_op_moe& op_;
  std::span<const Expert> experts_;
  std::span<const int64_t> ends_;
  const ExpertProducts& how_;
  const zero::Unit& form_;
};

}  // namespace

at::Tensor expert_output(const strata_op_moe& op, const at::Tensor& x, const Expert& expert,
                         const ExpertProducts& how) {
  return Mlp(op, {&expert, 1}, {}, how).output(x);
}

bool can_group(const strata_op_moe& op, const at::Tensor& x, int64_t rows,
               std::span<const Expert> experts, const ExpertProducts& how) {
  if (!how.codec || how.gradients || experts.size() < 2) return false;
  const auto& first = experts.front();
  const auto grouped = [&](uint32_t index) {
    const auto& scheme = first.form->weights[index].run.scheme;
    return !scheme.empty() && std::ranges::all_of(experts, [&](const Expert& expert) {
      return expert.form->weights[index].run.scheme == scheme;
    }) && torch::can_group(coded(first, index, x, 1), x, rows, *how.codec);
  };
  return (op.gate == STRATA_NONE || grouped(op.gate)) && grouped(op.up) && grouped(op.down);
}

at::Tensor expert_outputs(const strata_op_moe& op, const at::Tensor& x,
                          std::span<const Expert> experts, std::span<const int64_t> ends,
                          const ExpertProducts& how) {
  return Mlp(op, experts, ends, how).output(x);
}

}  // namespace strata::torch
