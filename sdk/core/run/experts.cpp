#include "core/run/experts.hpp"

#include "core/error.hpp"

namespace strata::run {
namespace {

using zero::Kind;
using zero::Lane;

uint32_t mixture_layers(std::span<const zero::Unit> units) {
  uint32_t count = 0;
  for (const auto& unit : units) count += unit.expert == 0 ? 1 : 0;
  return count;
}

}  // namespace

ExpertSlots::ExpertSlots(const StreamingParts& parts, const zero::Plan& plan, uint32_t first_event)
    : parts_(parts), plan_(plan), first_event_(first_event),
      layers_(parts.units.back().declared + 1),
      cache_(plan.experts.count, static_cast<uint32_t>(parts.units.size()),
             mixture_layers(parts.units)),
      slots_(plan.experts.count) {
  uint32_t number = 0;
  for (uint32_t u = 0; u < parts.units.size(); ++u)
    if (parts.units[u].expert == 0) layers_[parts.units[u].declared] = {u, number++};
}

bool ExpertSlots::streams(uint32_t unit) const {
  const auto& place = parts_.placement[unit];
  return place.tier != zero::resident && place.device == 0;
}

void ExpertSlots::need(uint32_t declared, std::span<const uint32_t> experts) {
  release();
  const auto& layer = layers_[declared];
  wanted_.clear();
  streamed_.clear();
  at_ = 0;
  for (const auto expert : experts) wanted_.push_back(layer.first + expert);
  for (const auto unit : wanted_)
    if (streams(unit)) streamed_.push_back(unit);
  cache_.need(layer.number, streamed_);
}

Experts::Expert ExpertSlots::take() {
  release();
  const auto unit = wanted_[at_++];
  const auto& form = parts_.units[unit];
  if (parts_.placement[unit].device != 0) return {&form, parts_.origins[unit].mapped};
  if (!streams(unit)) return {&form, parts_.arena + plan_.slots[unit].run};
  while (const auto next = cache_.next_fetch()) fetch(next->expert, next->slot);
  taken_ = cache_.take();
  if (slots_[taken_].fresh) make_ready(taken_);
  return {&form, memory(taken_) + plan_.experts.run};
}

// Whoever is fetched into the slot next waits for what computes with it.
void ExpertSlots::release() {
  if (taken_ == zero::no_slot) return;
  parts_.device->record(Lane::compute, released(taken_), ++slots_[taken_].released);
  cache_.used();
  taken_ = zero::no_slot;
}

void ExpertSlots::fetch(uint32_t unit, uint32_t slot) {
  const auto& origin = parts_.origins[unit];
  const auto& form = parts_.units[unit];
  auto& state = slots_[slot];
  state.unit = unit, state.fresh = true, ++state.fetched;
  auto* to = memory(slot) + (parts_.placement[unit].stored ? 0 : plan_.experts.run);
  if (!origin.mapped) {
    if (state.released > 0) parts_.reader->wait(released(slot), state.released);
    const Traced traced(parts_, Kind::fetch, Lane::io, unit);
    parts_.reader->read(origin.route, to);
    parts_.reader->record(fetched(slot), state.fetched);
    planned_ += origin.route.bytes;
    return;
  }
  if (state.released > 0) parts_.device->wait(Lane::copy, released(slot), state.released);
  const Traced traced(parts_, Kind::fetch, Lane::copy, unit);
  parts_.device->copy(Lane::copy, to, origin.mapped, form.run_bytes);
  parts_.device->record(Lane::copy, fetched(slot), state.fetched);
  copied_ += form.run_bytes;
  planned_ += form.run_bytes;
}

void ExpertSlots::make_ready(uint32_t slot) {
  auto& state = slots_[slot];
  const auto& unit = parts_.units[state.unit];
  try {
    parts_.device->wait(Lane::compute, fetched(slot), state.fetched);
  } catch (const Error& failure) {
    throw Error(unit.name, failure.what(), "");
  }
  state.fresh = false;
  if (!parts_.placement[state.unit].stored) return;
  const Traced traced(parts_, Kind::expand, Lane::compute, state.unit);
  parts_.compute->expand(unit, memory(slot), memory(slot) + plan_.experts.run);
}

void ExpertSlots::finish() {
  for (uint32_t s = 0; s < slots_.size(); ++s)
    if (slots_[s].fetched > 0) parts_.device->synchronize(fetched(s), slots_[s].fetched);
}

}  // namespace strata::run
