#include "core/train/training.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/train/load_masters.hpp"
#include "core/train/product_unit.hpp"

namespace strata::train {

namespace {

constexpr uint32_t row_events = 1, whole_events = 2;

}  // namespace

Training::Training(TrainingParts parts, const run::Progress& progress)
    : parts_(std::move(parts)), workers_(std::make_unique<optim::Workers>(parts_.threads)) {
  const auto& plan = parts_.plan;
  device_ = parts_.open_device(events().all);
  host_ =
      std::make_unique<HostUnits>(plan, parts_.request, *parts_.weights, *parts_.states, *device_);
  optimizer_ = std::make_unique<HostOptimizer>(plan, parts_.request, *host_, parts_.optimizer,
                                               *workers_, parts_.collective);
  parts_.trainer.compute.bytes = plan.device_bytes - plan.arena_bytes;
  trainer_ = parts_.open_trainer(parts_.trainer);
  trainer_->warm_up();
  trainer_->held();  // memory for that is no part of a run's peak
  arena_ = device_->arena(plan.arena_bytes);
  open_states();
  const auto begin = std::chrono::steady_clock::now();
  load(progress);
  load_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  open_reader();
  open_rows();
  open_experts();
  StepParts backend{.training = &parts_.plan,
                    .plan = &parts_.plan.step,
                    .host = host_.get(),
                    .arena = arena_,
                    .device = device_.get(),
                    .trainer = trainer_.get(),
                    .optimizer = optimizer_.get(),
                    .states = device_states_.get(),
                    .rows = rows_.get(),
                    .reader = reader_.get(),
                    .experts = experts_.get(),
                    .element = element_bytes(parts_.request.dtype),
                    .gradient_element = element_bytes(parts_.request.reduce),
                    .rows_bytes = row_gradient_bytes(),
                    .first_event = events().step,
                    .trace = parts_.trace ? &trace_ : nullptr,
                    .reads_at_once = reads_at_once(),
                    .collective = parts_.collective,
                    .reduce = parts_.request.reduce,
                    .progress = parts_.progress};
  stepping_ = std::make_unique<StepBackend>(backend);
  step_ = std::make_unique<zero::Executor>(plan.step, *stepping_);
  backend.plan = &parts_.plan.scoring;
  backend.optimizer = nullptr;
  backend.first_event = events().scoring;
  scoring_ = std::make_unique<StepBackend>(backend);
  score_ = std::make_unique<zero::Executor>(plan.scoring, *scoring_);
  whole_units_ = std::make_unique<WholeUnits>(
      parts_.plan, *host_, *device_, parts_.collective,
      std::span(arena_ + plan.step.fixed, plan.arena_bytes - plan.step.fixed), events().whole + 1);
  open_exchange();
  for (const auto& use : plan.step.uses) {
    if (use.kind == zero::Use::Kind::rerun && use.gradient != zero::no_object)
      known_ = {use.gradient, zero::Stage::reduced};
    if (use.kind == zero::Use::Kind::norm) known_ = {use.weights, zero::Stage::updated};
    if (use.kind == zero::Use::Kind::update && plan.flats[use.unit].elements > 0) ++updated_units_;
  }
}

void Training::open_states() {
  if (parts_.plan.states_on_device.empty()) return;
  if (parts_.open_kernels) {
    kernels_ = parts_.open_kernels(trainer_->stream());
  } else {
    device_workers_ = std::make_unique<optim::Workers>(parts_.threads);
    kernels_ = host_kernels(*device_workers_);
  }
  device_states_ =
      std::make_unique<DeviceStates>(parts_.plan, parts_.request, arena_, *device_, *kernels_);
  host_->use(*device_states_);
}

Training::Events Training::events() const {
  Events out{};
  out.scoring = step_events(parts_.plan.step);
  out.experts = out.scoring + step_events(parts_.plan.scoring);
  out.rows = out.experts + TrainExperts::events(parts_.plan);
  out.whole = out.rows + row_events;
  out.load = out.whole + whole_events;
  out.reader = out.load + load_events;
  out.all = out.reader + (parts_.request.weights_in_files ? run::staging_chunks : 0);
  return out;
}

Training::~Training() {
  try {
    finish();
  } catch (const std::exception&) {  // a step has reported it
  }
}

void Training::load(const run::Progress& progress) {
  const auto& plan = parts_.plan;
  clear_states();
  std::vector<std::byte*> masters;
  for (uint32_t u = 0; u < host_->size(); ++u) masters.push_back(target_of(u));
  loaded_ = load_masters(
      {.model = parts_.model,
       .plan = &plan,
       .dtype = parts_.request.storage,
       .masters = masters,
       .take =
           [this](uint32_t unit, std::span<const std::byte> bytes) {
             if (parts_.plan.is_frozen() || (*host_)[unit].bf16)
               host_->put_weights(unit, bytes);
             else
               host_->fill_states(unit, reinterpret_cast<const float*>(bytes.data()));
           },
       .give = [this](uint32_t unit, std::span<std::byte> bytes) { give_weights(unit, bytes); },
       .files = parts_.files.get(),
       .device = device_.get(),
       .arena = arena_,
       .first_event = events().load,
       .separate_device = parts_.request.separate_device,
       .compute = &parts_.trainer.compute,
       .open_compute = parts_.open_compute},
      progress);
  begin_products();
  for (uint32_t u = 0; u < host_->size(); ++u) optimizer_->copy_weights(u);
}

// The weights of a unit that were taken before others of it are made.
void Training::give_weights(uint32_t unit, std::span<std::byte> bytes) const {
  const auto& host = (*host_)[unit];
  const auto& share = host.share;
  if (host.bf16) {
    std::copy_n(host.weights, share.bytes, bytes.data() + share.from);
    return;
  }
  host_->read(unit, AdamState::master, share.first,
              {reinterpret_cast<float*>(bytes.data()) + share.first,
               static_cast<std::size_t>(share.count)});
}

// The memory that a unit's weights are loaded to: its masters, or a frozen unit's own place; null
// where this rank has a part of them.
std::byte* Training::target_of(uint32_t unit) const {
  const auto& plan = parts_.plan;
  const auto& host = (*host_)[unit];
  if (plan.is_frozen() && plan.placement[unit].tier == zero::resident)
    return arena_ + plan.step.homes[unit];
  if (!host.share.whole) return nullptr;
  if (plan.is_frozen() || host.bf16) return host.weights;
  return reinterpret_cast<std::byte*>(host_->memory(unit, AdamState::master));
}

void Training::begin_products() {
  const auto& plan = parts_.plan;
  if (!plan.is_frozen()) return;
  const auto at = plan.product_unit;
  draw_products(plan.products, plan.units[at], plan.flats[at], parts_.seed, (*host_)[at].master,
                *workers_);
}

// Sets states to zero, but not those in files whose master weights are loaded with them.
void Training::clear_states() {
  for (uint32_t u = 0; u < host_->size(); ++u) {
    const auto& unit = (*host_)[u];
    if (unit.states)
      workers_->run(unit.layout.bytes, 1u << 22, [&](uint64_t first, uint64_t count) {
        std::memset(unit.states + first, 0, count);
      });
    else if (unit.master || unit.bf16)
      host_->fill_states(u, nullptr);
  }
}

void Training::open_reader() {
  if (!parts_.request.weights_in_files) return;
  const auto grain = run::grain_of(*parts_.weights);
  const auto chunk = run::longest_read + grain.align;
  auto* staging = run::transfer_memory(*device_, run::staging_chunks * chunk);
  const strata_device kind{parts_.request.separate_device ? STRATA_PINNED : STRATA_CPU, 0};
  announced_ = std::make_unique<tier::Announced>(
      *parts_.weights, std::span(staging, run::staging_chunks * chunk), kind);
  reader_ = std::make_unique<tier::Reader>(*device_, staging, chunk, run::staging_chunks,
                                           events().reader);
}

void Training::open_rows() {
  const auto& plan = parts_.plan;
  if (plan.table_unit == no_table) return;
  const auto& weight = plan.units[plan.table_unit].weights[plan.table_weight];
  auto& front = plan.units.front().weights;
  const auto table = std::ranges::find(front, uint32_t{STRATA_TABLE}, &zero::Weight::role);
  run::RowRoom room;
  room.device = arena_ + plan.arena_bytes - plan.rows_bytes;
  room.host = parts_.request.separate_device ? device_->staging(plan.rows_bytes) : room.device;
  room.lanes = device_.get();
  room.event = events().rows;
  const bool stored = !plan.placement[plan.table_unit].as_run;
  const run::MappedTile tile{
      .first = 0,
      .rows = weight.shape.at(0),
      .at = (*host_)[plan.table_unit].table + (stored ? weight.source.stored.at : weight.run.at)};
  rows_ = std::make_unique<run::MappedRows>(*table, stored, std::vector{tile}, room);
}

void Training::open_experts() {
  if (parts_.plan.experts.count == 0) return;
  experts_ = std::make_unique<TrainExperts>(
      ExpertParts{.training = &parts_.plan,
                  .host = host_.get(),
                  .arena = arena_,
                  .device = device_.get(),
                  .reader = reader_.get(),
                  .optimizer = optimizer_.get(),
                  .trainer = trainer_.get(),
                  .reduce = parts_.request.reduce,
                  .first_event = events().experts,
                  .wait_updated =
                      [this](device::Lane lane, uint32_t unit) {
                        if (reads_at_once() && lane != device::Lane::io)
                          stepping_->synchronize(unit, zero::Stage::updated);
                        else
                          stepping_->wait_last(lane, unit, zero::Stage::updated);
                      },
                  .trace = parts_.trace ? &trace_ : nullptr,
                  .collective = parts_.collective});
  trainer_->use(*experts_);
}

void Training::check_batches(std::span<const MicroBatch> batches) const {
  if (batches.empty() || batches.size() > parts_.request.micro_batches)
    throw Error("training", std::to_string(batches.size()) + " micro-batches",
                "1 to " + std::to_string(parts_.request.micro_batches) + " were planned for");
  for (const auto& batch : batches)
    if (static_cast<int64_t>(batch.ids.size()) > parts_.request.tokens)
      throw Error("training", "a micro-batch of " + std::to_string(batch.ids.size()) + " tokens",
                  "at most " + std::to_string(parts_.request.tokens) + " were planned for");
}

// It is that of one rank and micro-batch.
uint64_t Training::row_gradient_bytes() const {
  return static_cast<uint64_t>(parts_.request.tokens) * parts_.plan.flats.front().row_width *
         element_bytes(parts_.request.reduce);
}

StepResult Training::step(std::span<const MicroBatch> batches, const StepSettings& settings,
                          const StepNumbers& numbers,
                          std::span<const std::span<const int32_t>> all_ids) {
  check_batches(batches);
  whole_units_->forget();
  std::vector<std::span<const int32_t>> ids(all_ids.begin(), all_ids.end());
  if (parts_.request.ranks == 1)
    for (const auto& batch : batches) ids.push_back(batch.ids);
  if (ids.size() != batches.size() * parts_.request.ranks)
    throw Error("training", "the tokens are not those of all ranks", "this is a mistake in Strata");
  if (exchange_) exchange_->run();
  optimizer_->begin(numbers, std::move(ids));
  stepping_->begin(batches, settings);
  step_->pass();
  StepResult out{.loss = stepping_->loss()};
  stepping_->synchronize(known_.object, known_.stage);
  add(out.loss);
  const auto& gradients = optimizer_->gradients();
  out.gradient_norm = gradients.norm;
  out.finite = gradients.finite;
  out.updated = gradients.updated;
  out.units = updated_units_;
  return out;
}

Loss Training::score(const MicroBatch& batch, const StepSettings& settings) {
  step_->restart();
  if (exchange_) exchange_->run();
  scoring_->begin({&batch, 1}, settings);
  score_->pass();
  auto loss = scoring_->loss();
  score_->finish();
  add(loss);
  return loss;
}

void Training::sum(std::span<double> values) {
  if (parts_.collective)
    parts_.collective->all_reduce(values.data(), static_cast<uint32_t>(values.size()));
}

// Adds the losses of all ranks.
void Training::add(Loss& loss) {
  if (!parts_.collective) return;
  std::array<double, 3> parts{loss.tokens, loss.routers, static_cast<double>(loss.right)};
  sum(parts);
  loss = {.tokens = parts[0], .routers = parts[1], .right = static_cast<int64_t>(parts[2])};
}

std::span<const float> Training::whole_masters(uint32_t unit) {
  // The units that were fetched ahead make room.
  step_->restart();
  return whole_units_->masters(unit);
}

void Training::finish() {
  if (step_) step_->finish();
}

// Every rank looks up rows that others have updated.
void Training::open_exchange() {
  const auto& plan = parts_.plan;
  if (plan.exchange_bytes == 0) return;
  auto* room = arena_ + plan.arena_bytes - plan.rows_bytes - plan.exchange_bytes;
  exchange_ = std::make_unique<TableExchange>(
      TableParts{.table = (*host_)[plan.table_unit].table,
                 .bytes = plan.held_bytes(plan.table_unit),
                 .room = {room, static_cast<std::size_t>(plan.exchange_bytes)},
                 .device = device_.get(),
                 .collective = parts_.collective,
                 .event = events().whole,
                 .wait_updated = [this] {
                   stepping_->synchronize(parts_.plan.table_unit, zero::Stage::updated);
                 }});
}

std::unique_ptr<Snapshot> Training::snapshot() {
  std::vector<Snapshot::Update> updates;
  for (uint32_t u = 0; u < host_->size(); ++u) {
    // The event of a device's update may stand for the next one's when it is waited for; these
    // updates are short, and the norm before them is known.
    if (host_->on_device(u)) stepping_->synchronize(u, zero::Stage::updated);
    updates.push_back(host_->on_device(u) ? Snapshot::Update{} : stepping_->last_update(u));
  }
  return std::make_unique<Snapshot>(optimizer_->hold(), optimizer_->steps(), *device_,
                                    std::move(updates));
}

StepBytes Training::moved() const {
  auto out = stepping_->moved();
  out.to_device += scoring_->moved().to_device;
  if (experts_) {
    out.to_device += experts_->to_device();
    out.to_host += experts_->to_host();
  }
  return out;
}

}  // namespace strata::train
