// Units in blocks: which of them tiers hold as they are stored, and what expanding them needs.
#pragma once
#include <cstdint>
#include <span>

#include "core/zero/unit.hpp"

namespace strata::run {

// Whether tiers hold the unit in blocks, which are a fraction of the run form to hold and to fetch.
// Rows that are looked up in a tier's memory must be there as they are used: in the run form, or
// all as rows of blocks that contain their scales.
bool stays_packed(const zero::Unit& unit);

// The most bytes that expanding a weight to `dtype` holds between its forms, on the CPU or on
// another device: blocks become the run form directly, except where their rows change places.
uint64_t expansion_bytes(std::span<const zero::Unit> units, strata_dtype dtype,
                         bool separate_device);

}  // namespace strata::run
