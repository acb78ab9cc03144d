#include "torch/compute/compute.hpp"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

#include "core/adapter/adapter.hpp"
#include "torch/counting_allocator.hpp"
#include "torch/expand.hpp"
#include "torch/form.hpp"
#include "torch/mode.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

TorchCompute::TorchCompute(run::ComputeOptions options)
    : options_(std::move(options)), shared_(options_) {
  count_allocations();
  keep_freed(options_.bytes);
  if (options_.threads > 0) at::set_num_threads(options_.threads);
  for (const auto& device : options_.devices) places_.push_back(open_place(device));
  if (places_.empty()) throw Error("compute", "no device was chosen", "name one with --device");
  if (options_.adapter)
    as_errors(options_.adapter->path, [&] {
      const Unrecorded mode(shared_.recording);
      const auto& main = places_.front();
      const c10::OptionalStreamGuard on(main.stream);
      shared_.adapters = Adapters(*options_.adapter, main.device);
    });
}

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

const Place& TorchCompute::place(uint32_t device) const {
  if (device >= places_.size())
    throw Error("compute", "there is no device " + std::to_string(device), "");
  return places_[device];
}

void* TorchCompute::stream(uint32_t device) {
  const auto& on = place(device);
  return on.stream ? on.stream->native_handle() : nullptr;
}

plugin::Call TorchCompute::call_on(const Place& place) const {
  plugin::Call call{};
  call.seen.hdr.size = sizeof call.seen;
  call.seen.host = options_.host;
  call.seen.stream = place.stream ? place.stream->native_handle() : nullptr;
  call.seen.device = device_of(place.device);
  return call;
}

void TorchCompute::begin(const run::Batch& batch) {
  as_errors("compute", [&] {
    const Unrecorded mode(shared_.recording);
    shared_.pass.begin(batch);
    const auto& main = places_.front();
    const c10::OptionalStreamGuard on(main.stream);
    shared_.pass.on(main.device);
    ++shared_.passes;
    shared_.rows.clear();
    wanted_.assign(batch.wanted.begin(), batch.wanted.end());
    if (!std::is_sorted(wanted_.begin(), wanted_.end()) ||
        (!wanted_.empty() && wanted_.back() >= shared_.pass.ragged().tokens))
      throw Error("compute", "the wanted rows are not rows of the pass, in order", "");
    hidden_ = head_input_ = logits_ = host_logits_ = at::Tensor();
    logits_gradient_ = head_gradient_ = gradient_ = at::Tensor();
    kept_.clear();
  });
}

void TorchCompute::expand(const zero::Unit& unit, const std::byte* stored, std::byte* run) {
  as_errors(unit.name, [&] {
    const Unrecorded mode(shared_.recording);
    const auto& main = places_.front();
    const c10::OptionalStreamGuard on(main.stream);
    auto call = call_on(main);
    const UnitWeights none(zero::Unit{}, nullptr, shared_.dtype, main.device, false);
    TorchOps ops(shared_, none, unit.declared, nullptr, 0, main.device, call);
    call.ops = &ops;
    const Expansion how{&options_.codec, &call.seen, shared_.dtype, main.device};
    for (const auto& w : unit.weights)
      if (w.run_offset != zero::not_held)
        torch::expand(w, w.shape, stored + w.stored_offset, run + w.run_offset, how);
  });
}

void TorchCompute::rows(const zero::Weight& form, const std::byte* rows, bool stored) {
  as_errors(form.name, [&] {
    const Unrecorded mode(shared_.recording);
    const auto& main = places_.front();
    const c10::OptionalStreamGuard on(main.stream);
    auto shape = form.shape;
    shape.at(0) = shared_.pass.ragged().tokens;
    if (stored) {
      auto call = call_on(main);
      const UnitWeights none(zero::Unit{}, nullptr, shared_.dtype, main.device, false);
      TorchOps ops(shared_, none, 0, nullptr, 0, main.device, call);
      call.ops = &ops;
      auto made = at::empty(shape, at::TensorOptions().dtype(shared_.dtype).device(main.device));
      torch::expand(form, shape, rows, static_cast<std::byte*>(made.data_ptr()),
                    {&options_.codec, &call.seen, shared_.dtype, main.device});
      shared_.rows[form.name] = std::move(made);
    } else {
      // The caller's memory may serve another pass before this one ends.
      shared_.rows[form.name] = borrowed(rows, shape, shared_.dtype, main.device).clone();
    }
  });
}

void TorchCompute::table(const zero::Weight& form, const std::byte* table) {
  as_errors(form.name, [&] {
    const Unrecorded mode(shared_.recording);
    shared_.tables[form.name] = borrowed(table, form.shape, shared_.dtype, places_.front().device);
  });
}

const UnitWeights& TorchCompute::views(const zero::Unit& unit, const std::byte* weights,
                                       const Place& place) {
  constexpr std::size_t most_places = 8;  // more than the slots that a streamed unit gets
  auto& seen = seen_[&unit];
  for (const auto& one : seen)
    if (one.weights == weights && one.views->unit() == unit.name &&
        one.views->count() == unit.weights.size())
      return *one.views;
  if (seen.size() == most_places) seen.erase(seen.begin());
  seen.push_back(
      {weights, std::make_unique<UnitWeights>(unit, weights, shared_.dtype, place.device, false)});
  return *seen.back().views;
}

at::Tensor TorchCompute::wanted_on(const at::Device& device) const {
  return uploaded(at::tensor(wanted_, at::kLong), device);
}

at::Tensor TorchCompute::input_of(const zero::Unit& unit, const Place& place) {
  if (unit.kind == STRATA_UNIT_EMBEDDING) return shared_.pass.on(place.device).ids;
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

at::Tensor TorchCompute::forward(const zero::Unit& unit, const UnitWeights& weights,
                                 const Place& place, const at::Tensor& x) {
  auto call = call_on(place);
  TorchOps ops(shared_, weights, unit.declared, &options_.family->units().at(unit.declared),
               x.size(0), place.device, call);
  call.ops = &ops;
  const auto y = options_.family->forward(unit.declared, call, handle(x));
  return value_of(*y.get());
}

int64_t TorchCompute::vocabulary(const zero::Unit& head) const {
  for (const auto& w : options_.family->units().at(head.declared).weights)
    if (w.role == STRATA_HEAD) return w.shape.at(0);
  // The declaration of a tied head is the table's.
  return options_.family->units().at(head.declared).weights.back().shape.at(0);
}

void TorchCompute::place_logits(const zero::Unit& head, const at::Tensor& columns) {
  const auto type = shared_.dtype == at::kDouble ? at::kDouble : at::kFloat;
  const auto all = vocabulary(head);
  if (columns.size(1) == all) {
    logits_ = columns.to(type);
    return;
  }
  if (head.first_row < 0 || head.first_row + columns.size(1) > all)
    throw Error("model/" + options_.family->name(),
                "unit " + head.name + " gave " + std::to_string(columns.size(1)) +
                    " columns of logits, its head has " + std::to_string(all) + " rows",
                "correct the family's forward");
  if (!logits_.defined())
    logits_ = at::empty({columns.size(0), all}, columns.options().dtype(type));
  logits_.narrow(1, head.first_row, columns.size(1)).copy_(columns);
}

void TorchCompute::run(const zero::Unit& unit, const std::byte* weights, uint32_t device) {
  as_errors(unit.name, [&] {
    const Unrecorded mode(shared_.recording);
    const auto& on = place(device);
    const c10::OptionalStreamGuard stream(on.stream);
    if (unit.kind == STRATA_UNIT_HEAD && wanted_.empty()) return;
    const auto x = input_of(unit, on);
    if (shared_.recording) kept_[unit.declared] = {x, device};
    auto y = forward(unit, views(unit, weights, on), on, x);
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
    const Unrecorded mode(shared_.recording);
    const c10::OptionalStreamGuard on(places_.front().stream);
    host_logits_ = to_host(logits_);
    return {host_logits_.const_data_ptr<float>(), static_cast<std::size_t>(host_logits_.numel())};
  });
}

void TorchCompute::reset() {
  const Unrecorded mode(shared_.recording);
  const c10::OptionalStreamGuard on(places_.front().stream);
  shared_.cache.reset();
}

void TorchCompute::warm_up() {
  as_errors("compute", [&] {
    const Unrecorded mode(shared_.recording);
    const auto& main = places_.front();
    const c10::OptionalStreamGuard on(main.stream);
    constexpr int64_t wide = 256;  // enough for every thread
    const auto x =
        at::ones({wide, wide}, at::TensorOptions().dtype(shared_.dtype).device(main.device));
    at::linear(x, x).to(at::kCPU);
  });
}

run::Compute::Held TorchCompute::held() {
  const auto& device = places_.front().device;
  const auto bytes = device.is_cpu() ? held_bytes() : held_bytes(device);
  return {bytes.now, bytes.peak};
}

}  // namespace strata::torch

extern "C" __attribute__((visibility("default"))) std::unique_ptr<strata::run::Compute>
strata_open_compute(const strata::run::ComputeOptions& options) {
  return std::make_unique<strata::torch::TorchCompute>(options);
}
