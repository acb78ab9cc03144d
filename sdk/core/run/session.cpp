#include "core/run/session.hpp"

#include <algorithm>
#include <chrono>

#include "core/error.hpp"

namespace strata::run {
namespace {

constexpr uint32_t row_parts = 32;
constexpr uint32_t other_events = 3;  // two of the loader, one of the embedding's rows

bool reads(const Origin& origin) { return origin.route.tier != nullptr; }

uint32_t plan_events(const Prepared& prepared) {
  return streaming_events(prepared.plan.objects.size());
}

}  // namespace

Session::Session(SessionParts parts, const Progress& progress) : parts_(std::move(parts)) {
  const auto& prepared = parts_.prepared;
  for (const auto& weight : parts_.model->family->units().front().weights)
    if (weight.role == STRATA_TABLE) vocabulary_ = weight.shape[0];
  const uint32_t experts_event = plan_events(prepared) + staging_chunks + other_events;
  device_ = parts_.open_device(experts_event + ExpertSlots::events(prepared.plan));
  parts_.compute.kv = prepared.kv;
  parts_.compute.bytes = prepared.device_bytes - prepared.arena_bytes;
  compute_ = parts_.open_compute(parts_.compute);
  compute_->warm_up();
  compute_->held();  // memory for that is no part of a run's peak
  arena_ = device_->arena(prepared.arena_bytes);
  if (parts_.resident_bytes) start_bytes_ = parts_.resident_bytes();
  tiers_ = std::make_unique<Tiers>(*parts_.model, prepared, parts_.wish, std::move(parts_.tiers));
  open_reader();
  const auto begin = std::chrono::steady_clock::now();
  load_weights(progress);
  load_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  open_rows();
  if (std::ranges::any_of(prepared.units, &zero::Unit::is_expert)) {
    experts_ =
        std::make_unique<ExpertSlots>(streaming_parts(0), parts_.prepared.plan, experts_event);
    compute_->use(*experts_);
  }
  streaming_ = std::make_unique<Streaming>(streaming_parts(0));
  executor_ = std::make_unique<zero::Executor>(prepared.plan, *streaming_);
  for (const auto& tier : tiers_->open()) loaded_.push_back(tier->bytes_read());
}

StreamingParts Session::streaming_parts(uint32_t first_event) {
  return {.units = parts_.prepared.units,
          .placement = parts_.prepared.placement,
          .origins = tiers_->origins(),
          .arena = arena_,
          .device = device_.get(),
          .reader = reader_.get(),
          .compute = compute_.get(),
          .rows = rows_.get(),
          .experts = experts_.get(),
          .collective = parts_.collective,
          .first_event = first_event,
          .objects = static_cast<uint32_t>(parts_.prepared.plan.objects.size()),
          .progress = parts_.progress,
          .trace = parts_.trace ? &trace_ : nullptr};
}

Session::~Session() {
  try {
    if (executor_) executor_->finish();
  } catch (const std::exception&) {  // a pass has reported it, or nobody needed what failed
  }
}

// Memory for transfers of every tier, announced to each of them.
std::span<std::byte> Session::announced(uint64_t bytes) {
  const std::span memory(transfer_memory(*device_, bytes), bytes);
  const strata_device kind{parts_.wish.separate_device ? STRATA_PINNED : STRATA_CPU, 0};
  const auto tell = [&](tier::Tier& tier) { announced_.emplace_back(tier, memory, kind); };
  for (const auto& tier : tiers_->open()) tell(*tier);
  for (const auto* tier : {&parts_.files, &parts_.rows})
    if (*tier) tell(**tier);
  return memory;
}

void Session::open_reader() {
  const bool any = parts_.files || std::ranges::any_of(tiers_->origins(), reads);
  if (!any) return;
  // Alignments are powers of two, so a chunk that fits the coarsest tier's reads fits all.
  uint64_t align = 1;
  for (const auto& tier : tiers_->open()) align = std::max(align, grain_of(*tier).align);
  if (parts_.files) align = std::max(align, grain_of(*parts_.files).align);
  const auto chunk = longest_read + align;
  auto* staging = announced(staging_chunks * chunk).data();
  reader_ = std::make_unique<tier::Reader>(*device_, staging, chunk, staging_chunks,
                                           plan_events(parts_.prepared));
}

void Session::load_weights(const Progress& progress) {
  const auto& prepared = parts_.prepared;
  const auto wanted = targets(prepared, parts_.wish, *tiers_, arena_);
  // Units for a tier that maps no memory go through here, those that are cut behind their
  // expansion, and every made-up weight that is copied.
  uint64_t outgoing = 0;
  for (const auto& target : wanted)
    if (const auto bytes = target.outgoing_bytes(); bytes > 0)
      outgoing =
          std::max(outgoing, target.seat.tier ? written_bytes(*target.seat.tier, bytes) : bytes);
    else if (!parts_.files && target.on_device() && parts_.wish.separate_device)
      outgoing = std::max(outgoing, target.bytes());
  const LoadParts load_parts{
      .device = device_.get(),
      .reader = reader_.get(),
      .compute = compute_.get(),
      .scratch = arena_ + prepared.plan.fixed,
      .scratch_bytes = prepared.scratch_bytes,
      .scratches = prepared.scratches,
      .outgoing = outgoing > 0 ? announced(outgoing) : std::span<std::byte>(),
      .separate_device = parts_.wish.separate_device,
      .event = plan_events(prepared) + staging_chunks};
  if (!parts_.files)
    return load_dummy(wanted, parts_.wish.dtype, parts_.wish.codec, load_parts, progress);
  for (const auto& file : parts_.model->checkpoint->files())
    file_regions_.push_back(parts_.files->bind(file->path(), 0, file->size()));
  load(wanted, *parts_.files, file_regions_, grain_of(*parts_.files), load_parts, progress);
}

const zero::Weight& Session::table_weight() const {
  const auto& weights = parts_.prepared.units.front().weights;
  return *std::ranges::find(weights, uint32_t{STRATA_TABLE}, &zero::Weight::role);
}

void Session::open_rows() {
  const auto& prepared = parts_.prepared;
  const auto& table = table_weight();
  if (table.is_held()) return;  // held by the embedding unit itself
  if (prepared.tied && prepared.resident) {
    rows_ = resident_rows();
    return;
  }
  RowRoom room;
  room.device = arena_ + prepared.arena_bytes - prepared.rows_bytes;
  room.host = parts_.wish.separate_device ? device_->staging(prepared.rows_bytes) : room.device;
  room.lanes = device_.get();
  room.event = plan_events(prepared) + staging_chunks + other_events - 1;
  if (!table_is_mapped() && parts_.files)
    rows_ = file_rows(room);
  else if (!table_is_mapped())
    rows_ = std::make_unique<MappedRows>(table, false, std::vector{dummy_tile(table)}, room);
  else
    rows_ = mapped_rows(room);
}

// Whether the whole table is in tiers that map their memory.
bool Session::table_is_mapped() const {
  const auto& prepared = parts_.prepared;
  if (!prepared.tied) return !parts_.wish.reads[prepared.table_place.tier];
  for (std::size_t u = 0; u < prepared.units.size(); ++u)
    if (prepared.units[u].in_tier && parts_.wish.reads[prepared.placement[u].tier]) return false;
  return true;
}

// A second made-up copy of the table, for made-up weights in a tier that maps no memory.
MappedTile Session::dummy_tile(const zero::Weight& table) {
  const auto bytes = static_cast<uint64_t>(vocabulary_) * table.run.bytes;
  auto* memory = device_->staging((bytes + 4095) / 4096 * 4096);
  fill_dummy({memory, bytes}, parts_.wish.dtype);
  return {.first = 0, .rows = vocabulary_, .at = memory};
}

std::unique_ptr<Rows> Session::resident_rows() const {
  const auto& prepared = parts_.prepared;
  for (std::size_t u = 0; u < prepared.units.size(); ++u)
    for (const auto& weight : prepared.units[u].weights)
      if (weight.role == STRATA_HEAD)
        return std::make_unique<ResidentRows>(weight,
                                              arena_ + prepared.plan.homes[u] + weight.run.at);
  throw Error("session", "a tied model without a head", "this is a mistake in the family");
}

std::unique_ptr<Rows> Session::file_rows(RowRoom room) {
  const auto& table = table_weight();
  const auto& file = *parts_.model->checkpoint->files()[table.source.stored.file().file];
  row_regions_.push_back(parts_.rows->bind(file.path(), 0, file.size()));
  auto grain = grain_of(*parts_.rows);
  grain.chunk = std::min(grain.chunk, (table.source.stored.bytes / grain.align + 2) * grain.align);
  auto* staging = announced(row_parts * grain.chunk).data();
  return std::make_unique<FileRows>(table, *parts_.rows, row_regions_.back(), grain, staging,
                                    row_parts, room);
}

// Rows from the tiles of a tied head, or from the table's own tiles: all in one form.
std::unique_ptr<Rows> Session::mapped_rows(RowRoom room) const {
  const auto& prepared = parts_.prepared;
  std::vector<MappedTile> tiles;
  bool stored = false;
  const auto add = [&](const zero::Unit& unit, const zero::Place& place, const Seat& seat) {
    for (const auto& weight : unit.weights) {
      if (weight.role != STRATA_HEAD || weight.shape.size() < 2) continue;
      tiles.push_back({unit.first_row, weight.shape[0],
                       seat.memory() + (place.as_run ? weight.run.at : weight.source.stored.at)});
      // Rows in the codec's form are those of the file.
      stored = !place.as_run || !weight.run.dense();
    }
  };
  for (std::size_t t = 0; t < prepared.table.size(); ++t)
    add(prepared.table[t], prepared.table_place, tiers_->table_seat(t));
  if (prepared.tied)
    for (std::size_t u = 0; u < prepared.units.size(); ++u)
      if (prepared.units[u].kind == STRATA_UNIT_HEAD)
        add(prepared.units[u], prepared.placement[u], tiers_->seat(u));
  return std::make_unique<MappedRows>(table_weight(), stored, std::move(tiles), room);
}

std::span<const float> Session::pass(const Batch& batch) {
  if (static_cast<int64_t>(batch.ids.size()) > parts_.prepared.chunk)
    throw Error("session", "a pass of " + std::to_string(batch.ids.size()) + " tokens",
                "at most " + std::to_string(parts_.prepared.chunk) + " were planned for");
  for (const auto id : batch.ids)
    if (id < 0 || id >= vocabulary_)
      throw Error("token " + std::to_string(id),
                  "the model has " + std::to_string(vocabulary_) + " tokens",
                  "use ids from 0 to " + std::to_string(vocabulary_ - 1));
  if (batch.ids.empty()) throw Error("session", "a pass without tokens", "follow other ranks");
  if (parts_.any_has_tokens) parts_.any_has_tokens(true);
  compute_->begin(batch);
  streaming_->begin(batch.ids);
  executor_->pass();
  return compute_->logits();
}

bool Session::follow() {
  if (!parts_.any_has_tokens || !parts_.any_has_tokens(false)) return false;
  streaming_->begin({});
  executor_->pass();
  return true;
}

void Session::reset() { compute_->reset(); }

void Session::finish() { executor_->finish(); }

Moved Session::moved() const {
  Moved out;
  for (std::size_t t = 0; t < loaded_.size(); ++t)
    out.counted += tiers_->open()[t]->bytes_read() - loaded_[t];
  out.counted += streaming_->copied();
  out.planned = streaming_->planned();
  out.gathered = streaming_->gathered();
  if (experts_) {
    out.counted += experts_->copied();
    out.planned += experts_->planned();
    out.gathered += experts_->gathered();
  }
  if (parts_.rows) out.counted += parts_.rows->bytes_read();
  if (rows_) out.planned += rows_->planned();
  return out;
}

uint64_t Session::loaded() const {
  uint64_t sum = parts_.files ? parts_.files->bytes_read() : 0;
  for (const auto bytes : loaded_) sum += bytes;
  return sum;
}

}  // namespace strata::run
