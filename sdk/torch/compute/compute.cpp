#include "torch/compute/compute.hpp"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

#include "torch/form.hpp"
#include "torch/mode.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

TorchCompute::TorchCompute(run::ComputeOptions options) : units_(std::move(options)) {}

namespace {

// Copies to the host and waits for the copy's stream only.
at::Tensor to_host(const at::Tensor& logits) {
  auto narrow = logits.to(at::kFloat).contiguous();
  if (narrow.is_cpu()) return narrow;
  auto host = at::empty(narrow.sizes(), at::TensorOptions().dtype(at::kFloat).pinned_memory(true));
  host.copy_(narrow, true);
  const c10::impl::VirtualGuardImpl guard(narrow.device().type());
  guard.getStream(narrow.device()).synchronize();
  return host;
}

}  // namespace

void* TorchCompute::stream(uint32_t device) {
  const auto& on = units_.place(device);
  return on.stream ? on.stream->native_handle() : nullptr;
}

void TorchCompute::begin(const run::Batch& batch) {
  as_errors("compute", [&] {
    const c10::InferenceMode unrecorded;
    const c10::OptionalStreamGuard on(units_.main().stream);
    units_.begin(batch);
    wanted_.assign(batch.wanted.begin(), batch.wanted.end());
    if (!std::is_sorted(wanted_.begin(), wanted_.end()) ||
        (!wanted_.empty() && wanted_.back() >= units_.shared().pass.ragged().tokens))
      throw Error("compute", "the wanted rows are not rows of the pass, in order", "");
    hidden_ = head_input_ = logits_ = host_logits_ = at::Tensor();
  });
}

at::Tensor TorchCompute::wanted_on(const at::Device& device) const {
  return uploaded(at::tensor(wanted_, at::kLong), device);
}

at::Tensor TorchCompute::input_of(const zero::Unit& unit, const Place& place) {
  if (unit.kind == STRATA_UNIT_EMBEDDING) return units_.shared().pass.on(place.device).ids;
  if (!hidden_.defined()) throw Error(unit.name, "no unit ran before it", "");
  if (hidden_.device() != place.device)
    hidden_ = hidden_.is_cpu() ? uploaded(hidden_, place.device) : hidden_.to(place.device);
  if (unit.kind != STRATA_UNIT_HEAD) return hidden_;
  if (!head_input_.defined() || head_input_.device() != place.device)
    head_input_ = static_cast<int64_t>(wanted_.size()) == hidden_.size(0)
                      ? hidden_
                      : hidden_.index_select(0, wanted_on(place.device));
  return head_input_;
}

void TorchCompute::place_logits(const zero::Unit& head, const at::Tensor& columns) {
  const auto type = units_.shared().dtype == at::kDouble ? at::kDouble : at::kFloat;
  const auto all = units_.vocabulary(head);
  if (columns.size(1) == all) {
    logits_ = columns.to(type);
    return;
  }
  if (head.first_row < 0 || head.first_row + columns.size(1) > all)
    throw Error("model/" + units_.options().family->name(),
                "unit " + head.name + " gave " + std::to_string(columns.size(1)) +
                    " columns of logits, its head has " + std::to_string(all) + " rows",
                "correct the family's forward");
  if (!logits_.defined())
    logits_ = at::empty({columns.size(0), all}, columns.options().dtype(type));
  logits_.narrow(1, head.first_row, columns.size(1)).copy_(columns);
}

void TorchCompute::run(const zero::Unit& unit, const std::byte* weights, uint32_t device) {
  as_errors(unit.name, [&] {
    const c10::InferenceMode unrecorded;
    const auto& on = units_.place(device);
    const c10::OptionalStreamGuard stream(on.stream);
    if (unit.kind == STRATA_UNIT_HEAD && wanted_.empty()) return;
    const auto x = input_of(unit, on);
    auto y = units_.forward(unit, units_.views(unit, weights, on), on, x);
    if (unit.kind == STRATA_UNIT_HEAD)
      place_logits(unit, y);
    else
      hidden_ = std::move(y);
  });
}

std::span<const float> TorchCompute::logits() {
  return as_errors("logits", [&]() -> std::span<const float> {
    if (wanted_.empty()) return {};
    if (!logits_.defined()) throw Error("logits", "no head ran in this pass", "");
    const c10::InferenceMode unrecorded;
    const c10::OptionalStreamGuard on(units_.main().stream);
    host_logits_ = to_host(logits_);
    return {host_logits_.const_data_ptr<float>(), static_cast<std::size_t>(host_logits_.numel())};
  });
}

void TorchCompute::reset() {
  const c10::InferenceMode unrecorded;
  const c10::OptionalStreamGuard on(units_.main().stream);
  units_.shared().cache.reset();
}

}  // namespace strata::torch

extern "C" __attribute__((visibility("default"))) std::unique_ptr<strata::run::Compute>
strata_open_compute(const strata::run::ComputeOptions& options) {
  return std::make_unique<strata::torch::TorchCompute>(options);
}
