// The opened tiers of a run and their regions: the origin of every unit.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "core/run/model.hpp"
#include "core/run/prepare.hpp"
#include "core/run/rows.hpp"
#include "core/run/streaming.hpp"
#include "core/tier/client.hpp"

namespace strata::run {

// Room in a tier for one unit's run form.
struct Seat {
  tier::Tier* tier = nullptr;
  tier::Region* region = nullptr;
  uint64_t offset = 0;
  std::byte* memory() const { return region->memory() ? region->memory() + offset : nullptr; }
  // Writes through the tier, from memory of transfer_memory() that holds written_bytes().
  void write(std::byte* from, uint64_t bytes) const;
};

// The length that reads are cut to, and the largest alignment, whatever a tier could take.
inline constexpr uint64_t longest_read = 1u << 20, longest_align = 1u << 20;
// The number of the reader's chunks: reads that are under way or wait for their copies.
inline constexpr uint32_t staging_chunks = 64;

// The grain of a tier's routes: its alignment, and its longest read up to one alignment above
// longest_read, since a weight of so many whole reads that begins between two multiples of the
// alignment would need one more read for its end. Refuses a tier that wants more than
// longest_align.
tier::Grain grain_of(const tier::Tier& tier);

// The aligned size of `bytes` bytes of a unit, both of their room in a tier's region and of a
// write.
uint64_t written_bytes(const tier::Tier& tier, uint64_t bytes);

// Allocates host memory from the device, for transfers of every tier.
std::byte* transfer_memory(device::Device& device, uint64_t bytes);

// Make it on the main thread. `open` are the tiers of the wish in order; it binds files in place,
// and takes one region of each other tier for its units, one after the other.
class Tiers {
 public:
  Tiers(const Model& model, const Prepared& prepared, const Wish& wish,
        std::vector<std::unique_ptr<tier::Tier>> open);

  std::vector<Origin>& origins() { return origins_; }
  // The seat into which the loader puts unit `u`; no region: none (resident, or in its file).
  const Seat& seat(std::size_t u) const { return seats_[u]; }
  // The seat of tile `t` of the table.
  const Seat& table_seat(std::size_t t) const { return table_seats_[t]; }
  const std::vector<std::unique_ptr<tier::Tier>>& open() const { return open_; }
  // The checkpoint's files as regions of a tier that reads them; bound once.
  std::span<const tier::Region> files(std::size_t tier);

 private:
  void seat_units(const Prepared& prepared, const Wish& wish);

  const Model& model_;
  std::vector<std::unique_ptr<tier::Tier>> open_;
  std::vector<std::vector<tier::Region>> files_;
  std::vector<tier::Region> rooms_;
  std::vector<Seat> seats_, table_seats_;
  std::vector<Origin> origins_;
};

}  // namespace strata::run
