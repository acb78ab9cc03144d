#include "core/train/step_backend.hpp"

#include "core/error.hpp"
#include "core/run/traced.hpp"
#include "core/train/scatter_gradient.hpp"
#include "core/zero/shard.hpp"

namespace strata::train {

using device::Lane;
using zero::Kind, zero::Object, zero::Stage;

StepBackend::StepBackend(const StepParts& parts)
    : parts_(parts), latest_(step_events(*parts.plan)), read_(parts.plan->objects.size()) {}

void StepBackend::begin(std::span<const MicroBatch> batches, const StepSettings& settings) {
  batches_ = batches;
  settings_ = settings;
  loss_ = {};
  loss_open_ = false;
  ++passes_;
  if (parts_.experts) parts_.experts->begin();
}

Loss StepBackend::loss() {
  if (loss_open_) {
    const auto more = parts_.trainer->loss();
    loss_.tokens += more.tokens;
    loss_.routers += more.routers;
    loss_.right += more.right;
    loss_open_ = false;
  }
  return loss_;
}

uint32_t StepBackend::number(uint32_t object, Stage stage) const {
  return parts_.first_event + object * zero::stages + static_cast<uint32_t>(stage);
}

// Lane io waits once for each update: a wait ends what its reads run ahead.
void StepBackend::wait_updated(uint32_t object, uint64_t occurrence) {
  if (read_[object] == occurrence) return;
  read_[object] = occurrence;
  parts_.reader->wait_to_read(number(object, Stage::updated), occurrence);
}

void StepBackend::wait(Lane lane, const zero::Event& event) {
  if (lane == Lane::io) {
    if (event.stage == Stage::updated) return wait_updated(event.object, event.occurrence);
    return parts_.reader->wait(number(event.object, event.stage), event.occurrence);
  }
  parts_.device->wait(lane, number(event.object, event.stage), event.occurrence);
}

void StepBackend::record(Lane lane, const zero::Event& event) {
  const auto at = number(event.object, event.stage);
  latest_[at - parts_.first_event] = event.occurrence;
  if (lane == Lane::io) return parts_.reader->record(at, event.occurrence);
  parts_.device->record(lane, at, event.occurrence);
}

void StepBackend::synchronize(uint32_t object, Stage stage) {
  const auto at = number(object, stage);
  if (const auto occurrence = latest_[at - parts_.first_event]; occurrence > 0)
    parts_.device->synchronize(at, occurrence);
}

void StepBackend::wait_last(Lane lane, uint32_t object, Stage stage) {
  const auto at = number(object, stage);
  if (const auto occurrence = latest_[at - parts_.first_event]; occurrence > 0)
    wait(lane, {object, stage, occurrence});
}

Snapshot::Update StepBackend::last_update(uint32_t unit) const {
  const auto at = number(unit, Stage::updated);
  return {.event = at, .occurrence = latest_[at - parts_.first_event]};
}

// Waits for all events, also for those behind a failed one: work under way uses memory of others.
void StepBackend::finish() {
  std::exception_ptr failure;
  const auto noting = [&](auto&& wait) {
    try {
      wait();
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  };
  for (uint32_t event = 0; event < latest_.size(); ++event)
    if (latest_[event] > 0)
      noting([&] { parts_.device->synchronize(parts_.first_event + event, latest_[event]); });
  if (parts_.experts) noting([&] { parts_.experts->finish(); });
  if (failure) std::rethrow_exception(failure);
}

void StepBackend::enqueue(const zero::Action& action, const zero::Slot& slot) {
  if (action.kind == Kind::release || lacks(action)) return;
  const run::Traced traced(parts_, action.kind, action.lane, action.unit);
  carry_out(action, slot);
}

// Whether the action belongs to a micro-batch that the step does not have: the last step of an
// epoch may have fewer than the others.
bool StepBackend::lacks(const zero::Action& action) const {
  if (action.kind == Kind::update || action.kind == Kind::reduce) return false;
  const bool weights = parts_.plan->objects[action.object].kind == Object::Kind::weights;
  if (weights && (action.kind == Kind::fetch || action.kind == Kind::expand)) return false;
  return parts_.plan->uses[action.use].micro_batch >= batches_.size();
}

void StepBackend::carry_out(const zero::Action& action, const zero::Slot& slot) {
  switch (action.kind) {
    case Kind::fetch:
      return fetch(action, slot);
    case Kind::expand:
      return parts_.trainer->expand(parts_.training->units[action.unit], at(slot.stored),
                                    at(slot.run));
    case Kind::run:
      return run(action, slot);
    case Kind::rerun:
      return rerun(action, slot);
    case Kind::gather:
      return gather(action, slot);
    case Kind::scatter:
      return scatter(action, slot);
    case Kind::store:
      return store(action, slot);
    case Kind::reduce:
      if (action.lane == Lane::compute) return reduce(action, slot);
      return parts_.device->call(*parts_.optimizer, parts_.optimizer->item(action));
    case Kind::update:
      if (action.lane == Lane::compute) return parts_.states->update(action.unit);
      return parts_.device->call(*parts_.optimizer, parts_.optimizer->item(action));
    case Kind::release:
      return;
  }
}

// The bytes of a kept input: only those of the tokens that the micro-batch has.
uint64_t StepBackend::input_bytes(uint32_t micro_batch) const {
  return batches_[micro_batch].ids.size() * static_cast<uint64_t>(parts_.training->hidden) *
         parts_.element;
}

void StepBackend::fetch(const zero::Action& action, const zero::Slot& slot) {
  const auto& object = parts_.plan->objects[action.object];
  if (object.kind == Object::Kind::numbers) return parts_.states->bring_numbers();
  const auto& unit = (*parts_.host)[action.unit];
  if (object.kind == Object::Kind::weights) {
    const auto& share = unit.share;
    auto* to = at(object.stored > 0 ? slot.stored : slot.run) + share.from;
    moved_.to_device += share.bytes;
    if (const auto* route = parts_.host->route(action.unit)) return parts_.reader->read(*route, to);
    if (parts_.reads_at_once) synchronize(action.object, Stage::updated);
    return parts_.device->copy(action.lane, to, unit.weights, share.bytes);
  }
  const auto bytes = input_bytes(parts_.plan->uses[action.use].micro_batch);
  moved_.to_device += bytes;
  parts_.device->copy(action.lane, at(slot.input), unit.input, bytes);
}

void StepBackend::gather(const zero::Action& action, const zero::Slot& slot) {
  const auto& object = parts_.plan->objects[action.object];
  const auto bytes = object.stored > 0 ? object.stored : object.run;
  parts_.device->gather(*parts_.collective, at(object.stored > 0 ? slot.stored : slot.run),
                        zero::shard_bytes(bytes, parts_.collective->ranks()));
}

// The sum of a unit that stays whole is gathered again, and so are the gradients of looked-up rows,
// which are added on the host.
void StepBackend::scatter(const zero::Action& action, const zero::Slot& slot) {
  const auto& flat = parts_.training->flats[action.unit];
  const auto& share = (*parts_.host)[action.unit].share;
  auto& device = *parts_.device;
  auto* gradient = at(slot.gradient);
  scatter_gradient(device, *parts_.collective, share, gradient, parts_.reduce);
  if (flat.row_width > 0)
    device.gather(*parts_.collective, gradient + flat.all_rows * parts_.gradient_element,
                  parts_.rows_bytes);
}

void StepBackend::store(const zero::Action& action, const zero::Slot& slot) {
  const auto& use = parts_.plan->uses[action.use];
  if (parts_.plan->objects[action.object].kind == Object::Kind::input) {
    const auto bytes = input_bytes(use.micro_batch);
    moved_.to_host += bytes;
    return parts_.device->copy(action.lane, (*parts_.host)[action.unit].input, at(slot.input),
                               bytes);
  }
  const auto& flat = parts_.training->flats[action.unit];
  const auto& share = (*parts_.host)[action.unit].share;
  auto bytes = share.count * parts_.gradient_element;
  if (flat.row_width > 0 && parts_.collective)
    bytes =
        flat.all_rows * parts_.gradient_element + parts_.collective->ranks() * parts_.rows_bytes;
  else if (flat.row_width > 0)
    bytes += batches_[use.micro_batch].ids.size() * flat.row_width * parts_.gradient_element;
  moved_.to_host += bytes;
  parts_.device->copy(action.lane, parts_.host->arrival(use),
                      at(slot.gradient) + share.first * parts_.gradient_element, bytes);
}

// Lane compute's own, of a unit whose states are on the device.
void StepBackend::reduce(const zero::Action& action, const zero::Slot& slot) {
  const auto& use = parts_.plan->uses[action.use];
  parts_.states->reduce(use, at(slot.gradient), use.micro_batch < batches_.size());
}

const std::byte* StepBackend::weights(const zero::Slot& slot) const {
  return slot.run == zero::not_held ? parts_.arena : parts_.arena + slot.run;  // or no weights
}

void StepBackend::begin_micro_batch(uint32_t index) {
  loss();
  loss_open_ = true;
  parts_.trainer->begin(batches_[index], settings_);
  // The host looks the rows up: the table must be updated, not only its update be issued.
  const auto table = parts_.training->table_unit;
  if (parts_.optimizer && table != no_table) synchronize(table, Stage::updated);
  if (parts_.rows) parts_.rows->give(batches_[index].ids, *parts_.trainer);
}

// The experts that other ranks' tokens choose are brought all the same.
void StepBackend::run_nothing(const zero::Action& action) {
  const auto& units = parts_.training->units;
  const auto behind = action.unit + 1;
  if (!parts_.experts || behind >= units.size() || !units[behind].is_expert()) return;
  // As often as the trainer needs them.
  const bool again = action.kind == Kind::rerun && !keeps_graphs();
  for (int needs = again ? 2 : 1; needs > 0; --needs)
    parts_.experts->need(units[action.unit].declared, {});
  parts_.experts->end_layer();
}

void StepBackend::run(const zero::Action& action, const zero::Slot& slot) {
  const auto& unit = parts_.training->units[action.unit];
  if (parts_.progress) parts_.progress(passes_, action.unit);
  if (parts_.experts) parts_.experts->begin_unit(TrainExperts::forward_alone);
  if (is_idle(action)) return run_nothing(action);
  if (action.unit == parts_.training->product_unit)
    return parts_.trainer->use_products(unit, weights(slot));
  if (unit.kind == STRATA_UNIT_EMBEDDING)
    begin_micro_batch(parts_.plan->uses[action.use].micro_batch);
  if (unit.kind == STRATA_UNIT_HEAD) return parts_.trainer->score(unit, weights(slot));
  if (keeps_graphs())
    parts_.trainer->record(unit, parts_.training->flats[action.unit], weights(slot));
  else
    parts_.trainer->run(unit, weights(slot), at(slot.input));
  if (parts_.experts) parts_.experts->end_layer();
}

void StepBackend::rerun(const zero::Action& action, const zero::Slot& slot) {
  const auto& unit = parts_.training->units[action.unit];
  if (parts_.progress) parts_.progress(passes_, action.unit);
  if (parts_.experts) parts_.experts->begin_unit(keeps_graphs() ? 0 : 1);
  if (is_idle(action)) {
    const auto gradient = parts_.plan->uses[action.use].gradient;
    if (gradient != zero::no_object)
      parts_.trainer->no_gradients(at(slot.gradient), parts_.plan->objects[gradient].run);
    return run_nothing(action);
  }
  if (action.unit == parts_.training->product_unit)
    return parts_.trainer->product_gradients(parts_.training->flats[action.unit],
                                             at(slot.gradient));
  const bool head = unit.kind == STRATA_UNIT_HEAD;
  if (head) parts_.trainer->keep_output(at(slot.input));
  if (keeps_graphs() && !head)
    parts_.trainer->backward(unit, weights(slot), at(slot.gradient));
  else
    parts_.trainer->rerun(unit, parts_.training->flats[action.unit], weights(slot), at(slot.input),
                          at(slot.gradient));
  if (parts_.experts) parts_.experts->end_layer();
}

}  // namespace strata::train
