#include "core/run/rows.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.hpp"

namespace strata::run {
namespace {

// Waits until the host's side may be filled again: the copy of an earlier pass has read it.
void begin(const RowRoom& room) {
  if (room.copies > 0) room.lanes->synchronize(room.event, room.copies);
}

// Copies the rows from the host's side to the device, in order with the compute lane.
const std::byte* to_device(RowRoom& room, uint64_t bytes) {
  if (room.device == room.host) return room.host;
  room.lanes->copy(device::Lane::compute, room.device, room.host, bytes);
  room.lanes->record(device::Lane::compute, room.event, ++room.copies);
  return room.device;
}

}  // namespace

MappedRows::MappedRows(zero::Weight table, bool stored, std::vector<MappedTile> tiles, RowRoom room)
    : table_(std::move(table)), stored_(stored), tiles_(std::move(tiles)), room_(room) {}

void MappedRows::give(std::span<const int32_t> ids, RowSink& to) {
  const uint64_t row = stored_ ? table_.source.stored.bytes : table_.run.bytes;
  begin(room_);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto& tile = tiles_[static_cast<std::size_t>(ids[i] / tiles_.front().rows)];
    std::memcpy(room_.host + i * row, tile.at + static_cast<uint64_t>(ids[i] - tile.first) * row,
                row);
  }
  to.rows(table_, to_device(room_, ids.size() * row), stored_);
}

FileRows::FileRows(zero::Weight table, tier::Tier& tier, const tier::Region& file,
                   tier::Grain grain, std::byte* staging, uint32_t parts, RowRoom room)
    : table_(std::move(table)), tier_(tier), file_(file), grain_(grain), staging_(staging),
      parts_(parts), room_(room) {
  if (table_.source.stored.parts.size() != 1)
    throw Error(table_.name, "has the parts of a row apart, and its rows are read from the file",
                "raise --host-memory, or use --offload cpu");
}

void FileRows::give(std::span<const int32_t> ids, RowSink& to) {
  const uint64_t row = table_.source.stored.bytes;
  begin(room_);
  route_.reads.clear();
  route_.pieces.clear();
  route_.bytes = 0;
  for (std::size_t i = 0; i < ids.size(); ++i)
    tier::add_range(route_, file_,
                    table_.source.stored.file().offset + static_cast<uint64_t>(ids[i]) * row, row,
                    i * row, grain_);
  planned_ += route_.bytes;
  const auto count = static_cast<uint32_t>(route_.reads.size());
  for (uint32_t first = 0; first < count; first += parts_)
    read(first, std::min(parts_, count - first));
  to.rows(table_, to_device(room_, ids.size() * row), true);
}

// False where the tier's queue is full.
bool FileRows::submit(uint32_t first, uint32_t part) {
  const auto& read = route_.reads[first + part];
  const tier::Transfer transfer{.region = read.region,
                                .offset = read.offset,
                                .bytes = read.bytes,
                                .memory = staging_ + part * grain_.chunk,
                                .cookie = part};
  return tier_.submit({&transfer, 1}) == 1;
}

// Reads `count` parts at once and puts their pieces in place. Nothing is in flight afterward, not
// even where it throws.
void FileRows::read(uint32_t first, uint32_t count) {
  std::array<tier::Completion, 16> done{};
  std::exception_ptr failure;
  uint32_t submitted = 0, landed = 0;
  while (landed < submitted || (submitted < count && !failure)) {
    try {
      while (submitted < count && !failure && submit(first, submitted)) ++submitted;
    } catch (...) {
      failure = std::current_exception();
    }
    if (landed == submitted && !failure)
      throw Error("offload/" + tier_.name(), "it takes no read though it has none to do",
                  "report this to the plugin's vendor");
    const auto ended = tier_.poll(done, -1);
    for (std::size_t d = 0; d < ended; ++d) {
      ++landed;
      if (done[d].error && !failure) failure = done[d].error;
    }
  }
  if (failure) std::rethrow_exception(failure);
  for (uint32_t r = 0; r < count; ++r) {
    const auto& part = route_.reads[first + r];
    for (uint32_t p = part.first; p < part.first + part.pieces; ++p)
      std::memcpy(room_.host + route_.pieces[p].to,
                  staging_ + r * grain_.chunk + route_.pieces[p].from, route_.pieces[p].bytes);
  }
}

}  // namespace strata::run
