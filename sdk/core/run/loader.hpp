// The loader: it brings weights to the device and to tiers that hold their own bytes, before the
// first pass.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/device/device.hpp"
#include "core/run/compute.hpp"
#include "core/run/tiers.hpp"
#include "core/tier/reader.hpp"
#include "core/zero/shard.hpp"

namespace strata::run {

// Called on the loading thread now and then, with the bytes done and in all.
using Progress = std::function<void(uint64_t done, uint64_t all)>;

// A unit, its destination (on the device, or in a tier's region) and its form there.
struct Target {
  const zero::Unit* unit = nullptr;
  std::byte* memory = nullptr;  // null: written through the tier, or taken
  Seat seat;
  zero::Place place;
  // Takes the unit's bytes, where there is no memory and they are not written to the seat; may
  // throw. The bytes are LoadParts::outgoing.
  std::function<void(std::span<const std::byte>)> take{};
  // Gives them back, or anything if they were not taken.
  std::function<void(std::span<std::byte>)> give{};
  // The bytes of the unit that the memory or the seat has, where it has not all.
  std::optional<zero::Shard> part{};

  bool on_device() const { return place.tier == zero::resident; }
  bool expands() const { return unit->expands && place.as_run; }
  uint64_t bytes() const { return part ? part->bytes : zero::held_bytes(*unit, place); }
  // Bytes of host memory beside that, through which the unit goes; 0: none.
  uint64_t outgoing_bytes() const {
    if (memory && !(part && expands())) return 0;
    return zero::held_bytes(*unit, place);
  }
};

// The targets that a run's loader has to fill, in order.
std::vector<Target> targets(const Prepared& prepared, const Wish& wish, const Tiers& tiers,
                            std::byte* arena);

struct LoadParts {
  device::Device* device = nullptr;
  tier::Reader* reader = nullptr;  // over the tier that reads the checkpoint's files
  Compute* compute = nullptr;
  std::byte* scratch = nullptr;  // on the device: Prepared::scratch_bytes, `scratches` times
  uint64_t scratch_bytes = 0;
  uint32_t scratches = 1;
  std::span<std::byte> outgoing;  // of transfer_memory(): room for each unit that goes through it
  bool separate_device = false;
  uint32_t event = 0;  // two events of the device: this one and the next
};

// Reads each target's weights from `files` with `source`, expands them where their forms differ.
void load(const std::vector<Target>& targets, tier::Tier& source,
          std::span<const tier::Region> files, tier::Grain grain, const LoadParts& parts,
          const Progress& progress);

// Fills each target with numbers that look like weights, always the same ones; packed weights are
// packed by `codec`, where their plugins pack.
void load_dummy(const std::vector<Target>& targets, strata_dtype dtype, const FindCodec& codec,
                const LoadParts& parts, const Progress& progress);

// Gives a target without memory its bytes, which are in `outgoing`.
void hand_over(const Target& target, std::span<std::byte> outgoing);

void fill_dummy(std::span<std::byte> memory, strata_dtype dtype);

}  // namespace strata::run
