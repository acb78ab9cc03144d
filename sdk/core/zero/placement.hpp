// Which tier holds each unit, in which form, and where it runs. A value, made by a pure function.
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
  bool stored = false;       // the tier holds the stored form, which is expanded after a fetch
  uint32_t device = 0;  // where it runs: 0, or a device on which it is used where its tier maps it
};

using Placement = std::vector<Place>;  // by unit

// What a tier is to placement.
struct TierRoom {
  std::string name;
  uint64_t capacity = ~uint64_t{0};  // bytes that units may take in it
  bool in_place = false;             // the checkpoint's own files: in stored form
};

// Bytes of a unit in its tier, which are what a fetch of it brings.
uint64_t held_bytes(const Unit& unit, const Place& place);

// Bytes of a unit in its slot: what is fetched, and beside it the run form where they differ.
uint64_t slot_bytes(const Unit& unit, const Place& place);

// Fills the device with `arena` bytes first, then the tiers in order. Where not all units fit the
// device, room for a streaming ring is set aside (two of the largest slots; less if the arena is
// smaller) and the resident ones are spread evenly between the streamed ones, so that copies never
// pause. Experts then stay in the tiers, whoever else stays on the device, and room for two of them
// is set aside: what is left holds those used lately. Without `fill_device` every unit goes to a
// tier. Refused with the bytes missing: units that fit no tier.
Placement place(std::span<const Unit> units, std::span<const TierRoom> tiers, uint64_t arena,
                bool fill_device);

}  // namespace strata::zero
