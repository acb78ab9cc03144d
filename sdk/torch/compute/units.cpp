#include "torch/compute/units.hpp"

#include "core/adapter/adapter.hpp"
#include "torch/counting_allocator.hpp"
#include "torch/expand.hpp"
#include "torch/form.hpp"
#include "torch/mode.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

Units::Units(run::ComputeOptions options) : options_(std::move(options)), shared_(options_) {
  count_allocations();
  keep_freed(options_.bytes);
  if (options_.threads > 0) at::set_num_threads(options_.threads);
  for (const auto& device : options_.devices) places_.push_back(open_place(device));
  if (places_.empty()) throw Error("compute", "no device was chosen", "name one with --device");
  if (options_.adapter)
    as_errors(options_.adapter->path, [&] {
      const Unrecorded mode(trains());
      const c10::OptionalStreamGuard on(main().stream);
      shared_.adapters = Adapters(*options_.adapter, main().device);
    });
}

void Units::begin(const run::Batch& batch) {
  shared_.pass.begin(batch);
  shared_.pass.on(main().device);
  shared_.rows.clear();
}

const Place& Units::place(uint32_t device) const {
  if (device >= places_.size())
    throw Error("compute", "there is no device " + std::to_string(device), "");
  return places_[device];
}

plugin::Call Units::call_on(const Place& place) const {
  plugin::Call call{};
  call.seen.hdr.size = sizeof call.seen;
  call.seen.host = options_.host;
  call.seen.stream = place.stream ? place.stream->native_handle() : nullptr;
  call.seen.device = device_of(place.device);
  return call;
}

void Units::expand(const zero::Unit& unit, const std::byte* stored, std::byte* run) {
  as_errors(unit.name, [&] {
    const Unrecorded mode(trains());
    const auto& here = main();
    const c10::OptionalStreamGuard on(here.stream);
    auto call = call_on(here);
    const UnitWeights none(zero::Unit{}, nullptr, here.device, false);
    TorchOps ops(shared_, none, unit.declared, nullptr, 0, here.device, call);
    call.ops = &ops;
    const Expansion how{&options_.codec, &call.seen, here.device};
    for (const auto& w : unit.weights)
      if (w.is_held()) torch::expand(w, w.shape, stored + w.source.stored.at, run + w.run.at, how);
  });
}

void Units::rows(const zero::Weight& form, const std::byte* rows, bool stored) {
  as_errors(form.name, [&] {
    const Unrecorded mode(trains());
    const auto& here = main();
    const c10::OptionalStreamGuard on(here.stream);
    auto shape = form.shape;
    shape.at(0) = shared_.pass.ragged().tokens;
    if (stored) {
      auto call = call_on(here);
      const UnitWeights none(zero::Unit{}, nullptr, here.device, false);
      TorchOps ops(shared_, none, 0, nullptr, 0, here.device, call);
      call.ops = &ops;
      auto made = at::empty(shape, at::TensorOptions().dtype(shared_.dtype).device(here.device));
      torch::expand(form, shape, rows, static_cast<std::byte*>(made.data_ptr()),
                    {&options_.codec, &call.seen, here.device});
      shared_.rows[form.name] = std::move(made);
    } else {
      // The caller's memory may serve another pass before this one ends.
      shared_.rows[form.name] = borrowed(rows, shape, shared_.dtype, here.device).clone();
    }
  });
}

void Units::table(const zero::Weight& form, const std::byte* table) {
  as_errors(form.name, [&] {
    const Unrecorded mode(trains());
    if (form.run.dense()) {
      shared_.tables[form.name] = borrowed(table, form.shape, shared_.dtype, main().device);
      return;
    }
    shared_.coded_tables[form.name] = coded_over(
        form, form.shape[0], [&](uint64_t at, at::IntArrayRef shape, at::ScalarType type) {
          return borrowed(table + at, shape, type, main().device);
        });
  });
}

const UnitWeights& Units::views(const zero::Unit& unit, const std::byte* weights,
                                const Place& place) {
  constexpr std::size_t most_places = 8;  // more than the slots that a streamed unit gets
  auto& seen = seen_[&unit];
  for (const auto& one : seen)
    if (one.weights == weights && one.views->unit() == unit.name &&
        one.views->count() == unit.weights.size())
      return *one.views;
  if (seen.size() == most_places) seen.erase(seen.begin());
  seen.push_back({weights, std::make_unique<UnitWeights>(unit, weights, place.device, false)});
  return *seen.back().views;
}

at::Tensor Units::forward(const zero::Unit& unit, const UnitWeights& weights, const Place& place,
                          const at::Tensor& x, Recorded* recorded) {
  auto call = call_on(place);
  TorchOps ops(shared_, weights, unit.declared, &options_.family->units().at(unit.declared),
               x.size(0), place.device, call, recorded);
  call.ops = &ops;
  const auto y = options_.family->forward(unit.declared, call, handle(x));
  return value_of(*y.get());
}

int64_t Units::vocabulary(const zero::Unit& head) const {
  for (const auto& w : options_.family->units().at(head.declared).weights)
    if (w.role == STRATA_HEAD) return w.shape.at(0);
  // The declaration of a tied head is the table's.
  return options_.family->units().at(head.declared).weights.back().shape.at(0);
}

void Units::warm_up() {
  as_errors("compute", [&] {
    const Unrecorded mode(trains());
    const auto& here = main();
    const c10::OptionalStreamGuard on(here.stream);
    constexpr int64_t wide = 256;  // enough for every thread
    const auto x =
        at::ones({wide, wide}, at::TensorOptions().dtype(shared_.dtype).device(here.device));
    at::linear(x, x).to(at::kCPU);
  });
}

run::Compute::Held Units::held() const {
  const auto& device = main().device;
  const auto bytes = device.is_cpu() ? held_bytes() : held_bytes(device);
  return {bytes.now, bytes.peak};
}

}  // namespace strata::torch
