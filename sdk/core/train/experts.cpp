#include "core/train/experts.hpp"

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/run/traced.hpp"

namespace strata::train {

using device::Lane;
using zero::Kind;

TrainExperts::TrainExperts(const ExpertParts& parts)
    : parts_(parts), cache_(0, 0, 0), slots_(parts.training->experts.count),
      stored_in_(parts.training->units.size()), reduced_(expert_stagings) {
  const auto& units = parts.training->units;
  for (uint32_t u = 0; u < units.size(); ++u) {
    if (units[u].expert != 0) continue;
    if (layers_.size() <= units[u].declared) layers_.resize(units[u].declared + 1);
    layers_[units[u].declared] = {u, mixtures_++};
  }
  begin();
}

void TrainExperts::begin() {
  end_layer();
  wanted_.clear();
  at_ = 0;
  ++step_;
  cache_ = zero::ExpertCache(static_cast<uint32_t>(slots_.size()),
                             static_cast<uint32_t>(parts_.training->units.size()), mixtures_);
}

void TrainExperts::need(uint32_t declared, std::span<const uint32_t> experts) {
  end_layer();
  const auto& layer = layers_.at(declared);
  wanted_.clear();
  at_ = 0;
  for (const auto expert : experts) wanted_.push_back(layer.first + expert);
  cache_.need(layer.number, wanted_);
}

run::Experts::Expert TrainExperts::take() {
  if (at_ == wanted_.size())
    throw Error("experts", "one more was taken than the layer needs",
                "this is a mistake in Strata");
  bring_next();
  make_ready(taken_);
  return {&parts_.training->units[slots_[taken_].unit], memory(taken_)};
}

void TrainExperts::make_ready(uint32_t index) {
  auto& slot = slots_[index];
  if (slot.ready) return;
  slot.ready = true;
  if (parts_.training->placement[slot.unit].as_run) return;
  auto* at = memory(index);
  const run::Traced traced(parts_, Kind::expand, Lane::compute, slot.unit);
  parts_.trainer->expand(parts_.training->units[slot.unit], at + parts_.training->experts.stored,
                         at);
}

// Brings the next expert; after this call the compute lane finds it in the slot `taken_`.
void TrainExperts::bring_next() {
  release();
  ++at_;
  while (const auto next = cache_.next_fetch()) fetch(next->expert, next->slot);
  taken_ = cache_.take();
  auto& slot = slots_[taken_];
  if (slot.arrived) return;
  try {
    parts_.device->wait(Lane::compute, fetched(taken_), slot.fetched);
  } catch (const Error& failure) {
    throw Error(parts_.training->units[slot.unit].name, failure.what(), "");
  }
  slot.arrived = true;
}

void TrainExperts::fetch(uint32_t unit, uint32_t index) {
  if (const auto* route = parts_.host->route(unit)) return read(unit, index, *route);
  auto& slot = slots_[index];
  parts_.wait_updated(Lane::copy, unit);
  if (slot.released > 0) parts_.device->wait(Lane::copy, released(index), slot.released);
  slot.unit = unit;
  slot.arrived = slot.ready = false;
  const auto& place = parts_.training->placement[unit];
  const auto bytes = zero::held_bytes(parts_.training->units[unit], place);
  auto* to = memory(index) + (place.as_run ? 0 : parts_.training->experts.stored);
  {
    const run::Traced traced(parts_, Kind::fetch, Lane::copy, unit);
    parts_.device->copy(Lane::copy, to, (*parts_.host)[unit].weights, bytes);
  }
  to_device_ += bytes;
  parts_.device->record(Lane::copy, fetched(index), ++slot.fetched);
}

void TrainExperts::read(uint32_t unit, uint32_t index, const tier::Route& route) {
  auto& slot = slots_[index];
  auto& reader = *parts_.reader;
  parts_.wait_updated(Lane::io, unit);
  if (slot.released > 0) reader.wait(released(index), slot.released);
  slot.unit = unit;
  slot.arrived = slot.ready = false;
  const auto& place = parts_.training->placement[unit];
  {
    const run::Traced traced(parts_, Kind::fetch, Lane::io, unit);
    reader.read(route, memory(index) + (place.as_run ? 0 : parts_.training->experts.stored));
  }
  to_device_ += zero::held_bytes(parts_.training->units[unit], place);
  reader.record(fetched(index), ++slot.fetched);
}

std::byte* TrainExperts::gradients() {
  if (taken_ == zero::no_slot)
    throw Error("experts", "a gradient is made before its expert was taken",
                "this is a mistake in Strata");
  if (parts_.training->is_frozen()) return nullptr;
  auto& slot = slots_[taken_];
  if (slot.stored > 0) parts_.device->wait(Lane::compute, stored(taken_), slot.stored);
  slot.gradient = true;
  return memory(taken_) + parts_.training->experts.gradient;
}

void TrainExperts::end_layer() {
  while (at_ < wanted_.size()) bring_next();
  release();
}

// Releases the slot in use: the next fetch into it waits for the work that computes with it.
void TrainExperts::release() {
  if (taken_ == zero::no_slot) return;
  auto& slot = slots_[taken_];
  parts_.device->record(Lane::compute, released(taken_), ++slot.released);
  if (slot.gradient) store(taken_);
  slot.gradient = false;
  cache_.used();
  taken_ = zero::no_slot;
}

void TrainExperts::store(uint32_t index) {
  auto& slot = slots_[index];
  const auto unit = slot.unit;
  const bool first = stored_in_[unit] != step_;
  stored_in_[unit] = step_;
  const bool direct = first && same(parts_.reduce, (*parts_.host)[unit].gradient_dtype);
  const auto staging = direct ? no_staging : staged_++ % expert_stagings;
  auto& device = *parts_.device;
  device.wait(Lane::back, released(index), slot.released);
  // The memory that the gradient goes to is read by an earlier update, or an earlier addition.
  if (direct)
    parts_.wait_updated(Lane::back, unit);
  else if (reduced_[staging] > 0)
    device.wait(Lane::back, reduced(), reduced_[staging]);
  auto* to = direct ? (*parts_.host)[unit].gradient : parts_.host->expert_staging(staging);
  const auto bytes = parts_.training->flats[unit].elements * element_bytes(parts_.reduce);
  {
    const run::Traced traced(parts_, Kind::store, Lane::back, unit);
    device.copy(Lane::back, to, memory(index) + parts_.training->experts.gradient, bytes);
  }
  to_host_ += bytes;
  device.record(Lane::back, stored(index), ++slot.stored);
  device.wait(Lane::host, stored(index), slot.stored);
  {
    const run::Traced traced(parts_, Kind::reduce, Lane::host, unit);
    device.call(*parts_.optimizer, parts_.optimizer->expert_item(unit, staging));
  }
  device.record(Lane::host, reduced(), ++sums_);
  if (!direct) reduced_[staging] = sums_;
}

void TrainExperts::finish() {
  std::exception_ptr failure;
  const auto wait = [&](uint32_t event, uint64_t occurrence) {
    if (occurrence == 0) return;
    try {
      parts_.device->synchronize(event, occurrence);
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  };
  for (uint32_t s = 0; s < slots_.size(); ++s) {
    wait(fetched(s), slots_[s].fetched);
    wait(stored(s), slots_[s].stored);
  }
  wait(reduced(), sums_);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace strata::train
