// The part of a unit that the tiers of one of several ranks hold.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/run/prepare.hpp"
#include "core/zero/shard.hpp"

namespace strata::run {

// Lets units with fewer than `below` elements stay whole on every rank, so that nothing is gathered
// for them. The tiles of a head count together.
void keep_small_whole(std::span<zero::Unit> units, uint64_t below);

// Whether each rank's tier holds all of a unit: of one that stays whole, of a head whose rows are
// looked up there, and of what a second device uses where it lies.
bool is_held_whole(const Prepared& prepared, const Wish& wish, std::size_t unit);

// The bytes of a unit's held form that a rank fetches.
zero::Shard fetched_part(const Prepared& prepared, const Wish& wish, std::size_t unit);
// Those that its tier holds.
zero::Shard held_part(const Prepared& prepared, const Wish& wish, std::size_t unit);
// Their room, of which all ranks take as much.
uint64_t held_room(const Prepared& prepared, const Wish& wish, std::size_t unit);

}  // namespace strata::run
