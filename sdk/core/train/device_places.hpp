// The places of a unit's states on the device.
#pragma once
#include <cstdint>

#include "core/train/flat.hpp"
#include "core/zero/unit.hpp"

namespace strata::train {

// Bytes from the beginning of the object that the plan has for the unit's states. The arrays have
// the places of its Flat.
struct DevicePlaces {
  bool own_master = true;  // the run form of the weights is not the master weights as well
  bool own_sum = false;    // gradients of several micro-batches are added up, in float32
  uint64_t master = 0;
  uint64_t moment1 = 0, moment2 = 0;
  uint64_t sum = 0;
  uint64_t squares = 0;  // the partial sums of the gradient's squares
  uint64_t bytes = 0;    // of all, a multiple of 4096
};

DevicePlaces device_places(const zero::Unit& unit, const Flat& flat, uint32_t micro_batches);

}  // namespace strata::train
