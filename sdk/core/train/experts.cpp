#include "core/train/experts.hpp"

#include <algorithm>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/run/traced.hpp"
#include "core/train/scatter_gradient.hpp"
#include "core/zero/shard.hpp"

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
  uint32_t most = 0;  // experts of a layer
  for (const auto& unit : units)
    if (unit.is_expert()) most = std::max(most, unit.expert + 1);
  if (parts.collective && most > 0)
    agreement_ = std::make_unique<run::Agreement>(*parts.device, *parts.collective, most, agreed());
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
  backward_ = needs_++ >= forwards_;
  const auto& layer = layers_.at(declared);
  wanted_.clear();
  at_ = 0;
  if (agreement_)
    for (const auto expert : agreement_->all(experts))
      wanted_.push_back({layer.first + expert, std::ranges::binary_search(experts, expert)});
  else
    for (const auto expert : experts) wanted_.push_back({layer.first + expert, true});
  std::vector<uint32_t> units;
  for (const auto& wanted : wanted_) units.push_back(wanted.unit);
  cache_.need(layer.number, units);
}

run::Experts::Expert TrainExperts::take() {
  for (bool here = false; !here;) {
    if (at_ == wanted_.size())
      throw Error("experts", "one more was taken than the layer needs",
                  "this is a mistake in Strata");
    here = bring_next().here;
    if (!here) pass_by();
  }
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
TrainExperts::Wanted TrainExperts::bring_next() {
  release();
  const auto wanted = wanted_[at_++];
  while (const auto next = cache_.next_fetch()) {
    fetch(next->expert, next->slot);
    gather(next->expert, next->slot);
  }
  taken_ = cache_.take();
  wait_for_slot();
  return wanted;
}

// No token of this rank has chosen the expert in the slot.
void TrainExperts::pass_by() {
  if (!backward_) return;
  if (auto* at = gradients())
    parts_.trainer->no_gradients(
        at, parts_.training->experts.bytes - parts_.training->experts.gradient);
}

void TrainExperts::wait_for_slot() {
  auto& slot = slots_[taken_];
  if (slot.arrived) return;
  const bool cut = !(*parts_.host)[slot.unit].share.whole;
  try {
    if (cut)
      parts_.device->wait(Lane::compute, gathered(taken_), slot.gathered);
    else
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
  const auto& share = (*parts_.host)[unit].share;
  {
    const run::Traced traced(parts_, Kind::fetch, Lane::copy, unit);
    parts_.device->copy(Lane::copy, arrival(unit, index) + share.from, (*parts_.host)[unit].weights,
                        share.bytes);
  }
  to_device_ += share.bytes;
  parts_.device->record(Lane::copy, fetched(index), ++slot.fetched);
}

void TrainExperts::read(uint32_t unit, uint32_t index, const tier::Route& route) {
  auto& slot = slots_[index];
  auto& reader = *parts_.reader;
  parts_.wait_updated(Lane::io, unit);
  if (slot.released > 0) reader.wait(released(index), slot.released);
  slot.unit = unit;
  slot.arrived = slot.ready = false;
  const auto& share = (*parts_.host)[unit].share;
  {
    const run::Traced traced(parts_, Kind::fetch, Lane::io, unit);
    reader.read(route, arrival(unit, index) + share.from);
  }
  to_device_ += share.bytes;
  reader.record(fetched(index), ++slot.fetched);
}

// The place in a slot at which the held form of a unit arrives.
std::byte* TrainExperts::arrival(uint32_t unit, uint32_t index) const {
  const bool as_run = parts_.training->placement[unit].as_run;
  return memory(index) + (as_run ? 0 : parts_.training->experts.stored);
}

// Completes a unit that ranks have cut.
void TrainExperts::gather(uint32_t unit, uint32_t index) {
  if ((*parts_.host)[unit].share.whole) return;
  auto& slot = slots_[index];
  parts_.device->wait(Lane::comm, fetched(index), slot.fetched);
  {
    const run::Traced traced(parts_, Kind::gather, Lane::comm, unit);
    parts_.device->gather(
        *parts_.collective, arrival(unit, index),
        zero::shard_bytes(parts_.training->held_bytes(unit), parts_.collective->ranks()));
  }
  parts_.device->record(Lane::comm, gathered(index), ++slot.gathered);
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
  while (at_ < wanted_.size())
    if (!bring_next().here) pass_by();
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

// Adds the gradient in a slot to those of the other ranks.
void TrainExperts::scatter(uint32_t index) {
  auto& slot = slots_[index];
  const auto& share = (*parts_.host)[slot.unit].share;
  auto& device = *parts_.device;
  auto* gradient = memory(index) + parts_.training->experts.gradient;
  device.wait(Lane::comm, released(index), slot.released);
  {
    const run::Traced traced(parts_, Kind::scatter, Lane::comm, slot.unit);
    scatter_gradient(device, *parts_.collective, share, gradient, parts_.reduce);
  }
  device.record(Lane::comm, scattered(index), ++slot.scattered);
}

void TrainExperts::store(uint32_t index) {
  if (parts_.collective) scatter(index);
  auto& slot = slots_[index];
  const auto unit = slot.unit;
  const bool first = stored_in_[unit] != step_;
  stored_in_[unit] = step_;
  const bool direct = first && same(parts_.reduce, (*parts_.host)[unit].gradient_dtype);
  const auto staging = direct ? no_staging : staged_++ % expert_stagings;
  auto& device = *parts_.device;
  if (parts_.collective)
    device.wait(Lane::back, scattered(index), slot.scattered);
  else
    device.wait(Lane::back, released(index), slot.released);
  // The memory that the gradient goes to is read by an earlier update, or an earlier addition.
  if (direct)
    parts_.wait_updated(Lane::back, unit);
  else if (reduced_[staging] > 0)
    device.wait(Lane::back, reduced(), reduced_[staging]);
  auto* to = direct ? (*parts_.host)[unit].gradient : parts_.host->expert_staging(staging);
  const auto& share = (*parts_.host)[unit].share;
  const auto element = element_bytes(parts_.reduce);
  const auto bytes = share.count * element;
  {
    const run::Traced traced(parts_, Kind::store, Lane::back, unit);
    device.copy(Lane::back, to,
                memory(index) + parts_.training->experts.gradient + share.first * element, bytes);
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
    wait(gathered(s), slots_[s].gathered);
    wait(scattered(s), slots_[s].scattered);
    wait(stored(s), slots_[s].stored);
  }
  wait(reduced(), sums_);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace strata::train
