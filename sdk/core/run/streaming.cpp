#include "core/run/streaming.hpp"

#include "core/error.hpp"
#include "core/run/experts.hpp"
#include "core/run/traced.hpp"
#include "core/zero/shard.hpp"

namespace strata::run {

using device::Lane;
using zero::Kind;

namespace {

uint64_t arriving(const StreamingParts& parts, uint32_t unit) {
  return zero::held_bytes(parts.units[unit], parts.placement[unit]);
}

}  // namespace

bool is_gathered(const StreamingParts& parts, uint32_t unit) {
  return parts.collective && !parts.units[unit].whole;
}

uint64_t fetch_unit(const StreamingParts& parts, uint32_t unit, std::byte* base) {
  const auto& origin = parts.origins[unit];
  if (!origin.mapped) {
    parts.reader->read(origin.route, base);
    return origin.route.bytes;
  }
  zero::Shard shard{0, arriving(parts, unit)};
  if (is_gathered(parts, unit))
    shard = zero::shard_of(shard.bytes, parts.collective->rank(), parts.collective->ranks());
  parts.device->copy(Lane::copy, base + shard.from, origin.mapped, shard.bytes);
  return shard.bytes;
}

uint64_t gather_unit(const StreamingParts& parts, uint32_t unit, std::byte* base) {
  const auto bytes = arriving(parts, unit);
  const auto ranks = parts.collective->ranks();
  parts.device->gather(*parts.collective, base, zero::shard_bytes(bytes, ranks));
  return zero::gathered_bytes(bytes, ranks);
}

Streaming::Streaming(const StreamingParts& parts)
    : parts_(parts), latest_(streaming_events(parts.objects)) {}

uint32_t Streaming::number(const zero::Event& event) const {
  return parts_.first_event + event.object * zero::stages + static_cast<uint32_t>(event.stage);
}

void Streaming::wait(Lane lane, const zero::Event& event) {
  if (lane == Lane::io) return parts_.reader->wait(number(event), event.occurrence);
  parts_.device->wait(lane, number(event), event.occurrence);
}

void Streaming::record(Lane lane, const zero::Event& event) {
  latest_[number(event) - parts_.first_event] = event.occurrence;
  if (lane == Lane::io) return parts_.reader->record(number(event), event.occurrence);
  parts_.device->record(lane, number(event), event.occurrence);
}

// Waits for all events, also for those behind a failed one: work under way uses memory of others.
void Streaming::finish() {
  std::exception_ptr failure;
  for (uint32_t event = 0; event < latest_.size(); ++event) {
    if (latest_[event] == 0) continue;
    try {
      parts_.device->synchronize(parts_.first_event + event, latest_[event]);
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  }
  try {
    if (parts_.experts) parts_.experts->finish();
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  if (failure) std::rethrow_exception(failure);
}

void Streaming::enqueue(const zero::Action& action, const zero::Slot& slot) {
  if (action.kind == Kind::release) return;
  const Traced traced(parts_, action.kind, action.lane, action.unit);
  carry_out(action, slot);
}

void Streaming::carry_out(const zero::Action& action, const zero::Slot& slot) {
  const auto& unit = parts_.units[action.unit];
  switch (action.kind) {
    case Kind::fetch:
      return fetch(action, slot);
    case Kind::gather:
      gathered_ += gather_unit(parts_, action.unit, base(slot));
      return;
    case Kind::expand:
      return parts_.compute->expand(unit, parts_.arena + slot.stored, parts_.arena + slot.run);
    case Kind::run:
      return run(action.unit, slot);
    case Kind::rerun:
    case Kind::scatter:
    case Kind::store:
    case Kind::reduce:
    case Kind::update:
      throw Error(unit.name, "a pass that only infers has no gradients",
                  "this is a mistake in the plan");
    case Kind::release:
      return;
  }
}

void Streaming::fetch(const zero::Action& action, const zero::Slot& slot) {
  const auto bytes = fetch_unit(parts_, action.unit, base(slot));
  planned_ += bytes;
  if (action.lane == Lane::copy) copied_ += bytes;
}

// The place where the fetched form begins.
std::byte* Streaming::base(const zero::Slot& slot) const {
  return parts_.arena + (slot.stored == zero::not_held ? slot.run : slot.stored);
}

// The experts of a layer are the units behind it.
bool Streaming::has_experts(uint32_t unit) const {
  return unit + 1 < parts_.units.size() && parts_.units[unit + 1].is_expert();
}

// Without tokens the rank chooses no experts, but agrees with the others on those that they chose.
void Streaming::run(uint32_t unit, const zero::Slot& slot) {
  if (parts_.progress) parts_.progress(pass_, unit);
  if (idle_) {
    if (!parts_.experts || !has_experts(unit)) return;
    parts_.experts->need(parts_.units[unit].declared, {});
    return parts_.experts->end_layer();
  }
  if (parts_.units[unit].kind == STRATA_UNIT_EMBEDDING && parts_.rows)
    parts_.rows->give(ids_, *parts_.compute);
  parts_.compute->run(parts_.units[unit], weights(unit, slot), parts_.placement[unit].device);
  if (parts_.experts) parts_.experts->end_layer();
}

const std::byte* Streaming::weights(uint32_t unit, const zero::Slot& slot) const {
  if (parts_.placement[unit].runs_in_tier) return parts_.origins[unit].mapped;
  return slot.run == zero::not_held ? parts_.arena : parts_.arena + slot.run;  // or no weights
}

}  // namespace strata::run
