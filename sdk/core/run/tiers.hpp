// The tiers of a run, opened, with their regions: where every unit comes from.
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
  // Through the tier, from memory of transfer_memory() that holds written_bytes().
  void write(std::byte* from, uint64_t bytes) const;
};

// What transfers are cut to, whatever a tier could take.
inline constexpr uint64_t longest_read = 1u << 20, longest_align = 1u << 20;
// The reader's: so many reads are under way or wait for their copies.
inline constexpr uint32_t staging_chunks = 64;

// The longest read and the alignment of a tier, as routes are cut: one alignment above
// longest_read, since a weight of so many whole reads that begins between two places of that
// alignment would need one more for its end. Refused: a tier that wants more than longest_align.
tier::Grain grain_of(const tier::Tier& tier);

// What so many bytes of a unit take in a tier's region, and are written as.
uint64_t written_bytes(const tier::Tier& tier, uint64_t bytes);

// Host memory of the device that every tier's transfers may use.
std::byte* transfer_memory(zero::Device& device, uint64_t bytes);

// Made on the main thread. `open` are the tiers of the wish in order; files are bound in place,
// other tiers give one region that holds their units one behind the other.
class Tiers {
 public:
  Tiers(const Model& model, const Prepared& prepared, const Wish& wish,
        std::vector<std::unique_ptr<tier::Tier>> open);

  std::vector<Origin>& origins() { return origins_; }
  // Where unit `u` is put by the loader; no region: nowhere (resident, or in its file).
  const Seat& seat(std::size_t u) const { return seats_[u]; }
  // The same of the table's tiles.
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
