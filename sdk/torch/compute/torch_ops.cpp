#include "torch/compute/torch_ops.hpp"

#include "core/error.hpp"
#include "torch/form.hpp"
#include "torch/ops/functions.hpp"
#include "torch/ops/moe.hpp"
#include "torch/ops/named.hpp"
#include "torch/ops/rope.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

using plugin::Handle;

Shared::Shared(const run::ComputeOptions& options)
    : pass(options.kv), backend(options.attention, options.attention_name, options.host),
      dtype(scalar_type(options.dtype)), recording(options.recording) {}

const at::Tensor& TorchOps::weight_or_none(uint32_t index) const {
  static const at::Tensor none;
  return index == STRATA_NONE ? none : weights_.at(index);
}

shape::Scope TorchOps::scope() const {
  static const plugin::DeclaredUnit none;
  return {declared_ ? declared_ : &none, tokens_, dtype_of(shared_.dtype)};
}

Handle TorchOps::weight(uint32_t index) {
  shape::weight(scope(), index);
  return handle(weights_.at(index));
}

Handle TorchOps::embedding(uint32_t weight, strata_tensor& ids) {
  shape::embedding(scope(), weight, ids.view());
  const auto& name = weights_.name(weight);
  if (const auto rows = shared_.rows.find(name); rows != shared_.rows.end())
    return handle(rows->second);
  const auto table = shared_.tables.find(name);
  return handle(at::embedding(table != shared_.tables.end() ? table->second : weights_.at(weight),
                              value_of(ids)));
}

Handle TorchOps::positions(uint32_t weight, int64_t offset) {
  shape::positions(scope(), weight, offset);
  const auto known = weights_.at(weight).size(0) - offset, longest = shared_.pass.ragged().max_keys;
  if (longest > known)
    throw Error(weights_.name(weight),
                std::to_string(longest) + " tokens are more than its " + std::to_string(known) +
                    " positions",
                "use shorter sequences");
  const auto& at_positions = shared_.pass.on(device_).positions;
  return handle(
      at::embedding(weights_.at(weight), offset ? at_positions.add(offset) : at_positions));
}

void TorchOps::linear(const strata_op_linear& op, strata_tensor& x, std::span<Handle> out) {
  std::array<shape::Value, shape::most_results> shapes;
  shape::linear(scope(), op, x.view(), std::span(shapes).first(out.size()));
  const auto& in = value_of(x);
  const bool biased = op.bias != STRATA_NONE;
  const auto weight = weights_.packed(op.weight, op.members);
  const auto bias = biased ? weights_.packed(op.bias, op.members) : at::Tensor();
  if (!weight || !bias) {  // not one product: the members are not adjacent in memory
    for (uint32_t i = 0; i < op.members; ++i)
      out[i] = handle(torch::linear(in, weights_.at(op.weight + i),
                                    biased ? weights_.at(op.bias + i) : at::Tensor()));
    return;
  }
  auto y = torch::linear(in, *weight, *bias);
  if (op.members == 1) {
    out[0] = handle(std::move(y));
    return;
  }
  int64_t first = 0;
  for (uint32_t i = 0; i < op.members; ++i) {
    const auto width = weights_.at(op.weight + i).size(0);
    out[i] = handle(y.narrow(-1, first, width));
    first += width;
  }
}

Handle TorchOps::norm(const strata_op_norm& op, strata_tensor& x) {
  shape::norm(scope(), op, x.view());
  const auto& w = weight_or_none(op.weight);
  if (op.kind == STRATA_RMS_NORM) return handle(rms_norm(value_of(x), w, op.eps, op.offset));
  return handle(layer_norm(value_of(x), w, weight_or_none(op.bias), op.eps, op.offset));
}

Handle TorchOps::rope(const strata_op_rope& op, strata_tensor& x) {
  shape::rope(scope(), op, x.view());
  const auto& in = value_of(x);
  auto& on = shared_.pass.on(in.device());
  for (const auto& kept : on.turns)
    if (kept.serves(op, in.size(2), in.scalar_type())) return handle(torch::rope(in, kept));
  std::vector<TurnedSequence> sequences;
  for (const auto& s : shared_.pass.sequences()) sequences.push_back({s.count, s.length});
  const c10::NoGradGuard constant;
  auto made = turn(op, in.size(2), in.scalar_type(), on.positions, sequences);
  on.turns.push_back(std::move(made));
  return rope(op, x);
}

Handle TorchOps::moe(const strata_op_moe& op, strata_tensor& x) {
  shape::moe(scope(), op, x.view());
  if (!shared_.experts || shared_.recording)
    throw Error("moe", "no experts are brought in this run", "use a model without experts");
  return handle(torch::moe(op, value_of(x), weights_.at(op.router), weight_or_none(op.router_bias),
                           op.choice == 0 ? at::Tensor() : weights_.at(op.choice - 1), unit_,
                           *shared_.experts));
}

Handle TorchOps::activation(int32_t f, strata_tensor& x) {
  shape::activation(scope(), f, x.view());
  return handle(torch::activation(f, value_of(x)));
}

Handle TorchOps::gated(int32_t f, strata_tensor& gate, strata_tensor* up) {
  const auto second = up ? up->view() : strata_view{};
  shape::gated(scope(), f, gate.view(), up ? &second : nullptr);
  const auto& x = value_of(gate);
  if (up) return handle(torch::gated(f, x, value_of(*up)));
  const auto width = x.size(-1) / 2;
  return handle(torch::gated(f, x.narrow(-1, 0, width), x.narrow(-1, width, width)));
}

Handle TorchOps::elementwise(int32_t op, strata_tensor& a, strata_tensor* b, double value) {
  const auto second = b ? b->view() : strata_view{};
  shape::elementwise(scope(), op, a.view(), b ? &second : nullptr, value);
  return handle(torch::elementwise(op, value_of(a), b ? value_of(*b) : at::Tensor(), value));
}

void TorchOps::heads(int32_t layout, uint32_t h, uint32_t k, uint32_t e, strata_tensor& x,
                     std::span<Handle> out) {
  std::array<shape::Value, 3> shapes;
  shape::heads(scope(), layout, h, k, e, x.view(), std::span(shapes).first(out.size()));
  std::array<at::Tensor, 3> made;
  torch::heads(layout, h, k, e, value_of(x), made);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = handle(std::move(made.at(i)));
}

uint64_t TorchOps::next_seed() {
  return (shared_.passes * 1'000'003 + unit_) * 1'009 + dropouts_++;
}

Handle TorchOps::dropout(double p, strata_tensor& x) {
  shape::dropout(scope(), p, x.view());
  return handle(shared_.recording ? torch::dropout(value_of(x), p, next_seed()) : value_of(x));
}

void TorchOps::call(std::string_view name, std::string_view json,
                    std::span<strata_tensor* const> in, std::span<Handle> out) {
  if (out.size() != 1)
    throw Error("call", std::string(name) + " returns one tensor", "correct the plugin");
  out[0] = call_named(name, shared_.attributes.of(json), shared_.pass, in);
}

void TorchOps::split(std::span<const uint32_t> widths, strata_tensor& x, std::span<Handle> out) {
  std::array<shape::Value, shape::most_results> shapes;
  shape::split(scope(), widths, x.view(), std::span(shapes).first(out.size()));
  int64_t first = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = handle(value_of(x).narrow(-1, first, widths[i]));
    first += widths[i];
  }
}

Handle TorchOps::concat(std::span<strata_tensor* const> in) {
  std::array<strata_view, shape::most_results> views{};
  std::vector<at::Tensor> parts;
  for (auto* one : in) {
    views[parts.size()] = one->view();
    parts.push_back(value_of(*one));
  }
  const auto made = shape::concat(scope(), std::span(views).first(in.size()));
  for (auto& part : parts) {
    std::vector<int64_t> sizes(made.dims.begin(), made.dims.end());
    sizes.back() = part.size(-1);
    part = part.expand(sizes);
  }
  return handle(at::cat(parts, -1));
}

Handle TorchOps::empty(strata_dtype dtype, std::span<const int64_t> shape) {
  return handle(at::empty(at::IntArrayRef(shape.data(), shape.size()),
                          at::TensorOptions().dtype(scalar_type(dtype)).device(device_)));
}

void* TorchOps::workspace(uint64_t bytes) {
  workspaces_.push_back(at::empty({static_cast<int64_t>(bytes)},
                                  at::TensorOptions().dtype(at::kByte).device(device_)));
  return workspaces_.back().data_ptr();
}

}  // namespace strata::torch
