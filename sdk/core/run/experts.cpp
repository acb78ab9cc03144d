#include "core/run/experts.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/run/traced.hpp"

namespace strata::run {
namespace {

using device::Lane;
using zero::Kind;

uint32_t mixture_layers(std::span<const zero::Unit> units) {
  uint32_t count = 0;
  for (const auto& unit : units) count += unit.expert == 0 ? 1 : 0;
  return count;
}

// The number of experts of the layer that has the most.
uint32_t most_experts(std::span<const zero::Unit> units) {
  uint32_t most = 0;
  for (const auto& unit : units)
    if (unit.is_expert()) most = std::max(most, unit.expert + 1);
  return most;
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
  if (any_is_gathered())
    agreement_ = std::make_unique<Agreement>(*parts.device, *parts.collective,
                                             most_experts(parts.units), agreed());
}

bool ExpertSlots::streams(uint32_t unit) const { return parts_.placement[unit].streams(); }

bool ExpertSlots::any_is_gathered() const {
  for (uint32_t u = 0; u < parts_.units.size(); ++u)
    if (parts_.units[u].is_expert() && streams(u) && is_gathered(parts_, u)) return true;
  return false;
}

void ExpertSlots::need(uint32_t declared, std::span<const uint32_t> experts) {
  end_layer();
  const auto& layer = layers_[declared];
  wanted_.clear();
  at_ = 0;
  if (agreement_)
    for (const auto expert : agreement_->all(experts))
      wanted_.push_back({layer.first + expert, std::ranges::binary_search(experts, expert)});
  else
    for (const auto expert : experts) wanted_.push_back({layer.first + expert, true});
  std::vector<uint32_t> streamed;
  for (const auto& wanted : wanted_)
    if (streams(wanted.unit)) streamed.push_back(wanted.unit);
  cache_.need(layer.number, streamed);
}

Experts::Expert ExpertSlots::take() {
  auto next = bring_next();
  while (!next.here) next = bring_next();
  if (!streams(next.unit)) return in_place(next.unit);
  make_ready(taken_);
  return {&parts_.units[next.unit], memory(taken_) + plan_.experts.run};
}

std::vector<Experts::Expert> ExpertSlots::take_all() {
  if (std::ranges::any_of(wanted_, [&](const Wanted& one) { return streams(one.unit); })) return {};
  std::vector<Expert> out;
  for (; at_ < wanted_.size(); ++at_)
    if (wanted_[at_].here) out.push_back(in_place(wanted_[at_].unit));
  return out;
}

// An expert that does not stream.
Experts::Expert ExpertSlots::in_place(uint32_t unit) const {
  const auto& form = parts_.units[unit];
  if (parts_.placement[unit].runs_in_tier) return {&form, parts_.origins[unit].mapped};
  return {&form, parts_.arena + plan_.homes[unit]};
}

// Brings the next expert that any rank needs; after this call the compute lane finds it in the slot
// `taken_`.
ExpertSlots::Wanted ExpertSlots::bring_next() {
  release();
  const auto wanted = wanted_[at_++];
  if (!streams(wanted.unit)) return wanted;
  while (const auto next = cache_.next_fetch()) fetch(next->expert, next->slot);
  taken_ = cache_.take();
  arrive(taken_);
  return wanted;
}

void ExpertSlots::end_layer() {
  while (at_ < wanted_.size()) bring_next();
  release();
}

// Releases the slot in use: the next fetch into it waits for the work that computes with it.
void ExpertSlots::release() {
  if (taken_ == zero::no_slot) return;
  parts_.device->record(Lane::compute, released(taken_), ++slots_[taken_].released);
  cache_.used();
  taken_ = zero::no_slot;
}

void ExpertSlots::fetch(uint32_t unit, uint32_t slot) {
  const bool mapped = parts_.origins[unit].mapped;
  const auto lane = mapped ? Lane::copy : Lane::io;
  const auto wait = [&](uint32_t event, uint64_t occurrence) {
    if (occurrence == 0) return;
    if (mapped)
      parts_.device->wait(lane, event, occurrence);
    else
      parts_.reader->wait(event, occurrence);
  };
  auto& state = slots_[slot];
  auto* to = memory(slot) + (parts_.placement[unit].as_run ? plan_.experts.run : 0);
  wait(whole(slot), state.fetched);  // also an expert that nobody has used
  wait(released(slot), state.released);
  state = {.unit = unit, .fetched = state.fetched + 1, .released = state.released};
  {
    const Traced traced(parts_, Kind::fetch, lane, unit);
    const auto bytes = fetch_unit(parts_, unit, to);
    planned_ += bytes;
    if (mapped) copied_ += bytes;
  }
  if (mapped)
    parts_.device->record(lane, fetched(slot), state.fetched);
  else
    parts_.reader->record(fetched(slot), state.fetched);
  if (!is_gathered(parts_, unit)) return;
  parts_.device->wait(Lane::comm, fetched(slot), state.fetched);
  {
    const Traced traced(parts_, Kind::gather, Lane::comm, unit);
    gathered_ += gather_unit(parts_, unit, to);
  }
  parts_.device->record(Lane::comm, gathered(slot), state.fetched);
}

void ExpertSlots::arrive(uint32_t slot) {
  auto& state = slots_[slot];
  if (state.arrived) return;
  try {
    parts_.device->wait(Lane::compute, whole(slot), state.fetched);
  } catch (const Error& failure) {
    throw Error(parts_.units[state.unit].name, failure.what(), "");
  }
  state.arrived = true;
}

void ExpertSlots::make_ready(uint32_t slot) {
  auto& state = slots_[slot];
  if (state.ready) return;
  state.ready = true;
  if (parts_.placement[state.unit].as_run) return;
  const Traced traced(parts_, Kind::expand, Lane::compute, state.unit);
  parts_.compute->expand(parts_.units[state.unit], memory(slot), memory(slot) + plan_.experts.run);
}

void ExpertSlots::finish() {
  for (uint32_t s = 0; s < slots_.size(); ++s)
    if (slots_[s].fetched > 0) parts_.device->synchronize(whole(s), slots_[s].fetched);
}

}  // namespace strata::run
