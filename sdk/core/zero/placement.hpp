// The placement of units: the tier that holds each one, its form there, and the device that runs
// it. It is a value, made by a pure function.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/zero/unit.hpp"

namespace strata::zero {

inline constexpr uint32_t resident = ~uint32_t{0};  // in place of a tier: in the device's arena

struct Place {
  uint32_t tier = resident;  // index into the run's tiers
  uint32_t device = 0;       // where it runs: 0, or a device on which it runs in place
  bool as_run = true;  // the tier holds the run form; else the stored one, expanded after a fetch
  bool runs_in_tier = false;  // it runs in place, from the memory that its tier maps: no fetches

  bool streams() const { return tier != resident && !runs_in_tier; }
};

using Placement = std::vector<Place>;  // by unit

// A tier as placement sees it.
struct TierRoom {
  std::string name;
  uint64_t capacity = ~uint64_t{0};  // bytes that units may take in it
  bool in_place = false;             // the checkpoint's own files: in stored form
  bool runs_units = false;           // the device runs units from its memory: those in run form
};

// Bytes of a unit in its tier, as many as a fetch of it brings.
uint64_t held_bytes(const Unit& unit, const Place& place);

// Bytes of a unit in its slot: the fetched form, and the run form where that is another.
uint64_t slot_bytes(const Unit& unit, const Place& place);

// Fills the device with `arena` bytes first, then the tiers in order. Where some units stream, it
// sets room aside for a streaming ring (two of the largest slots; less if the arena is smaller) and
// spreads the resident units evenly between the streamed ones, so that copies never pause. All
// experts then stay in the tiers, and it sets room aside for two of them: the rest of the arena
// holds those used lately. Without `fill_device` every unit goes to a tier, which has a
// shard of it on each of several ranks, but all of a head, whose rows may be looked up, and of a
// unit that stays whole. Refuses units that fit no tier, with the bytes missing.
Placement place(std::span<const Unit> units, std::span<const TierRoom> tiers, uint64_t arena,
                bool fill_device, uint32_t ranks = 1);

}  // namespace strata::zero
