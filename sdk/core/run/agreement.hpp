// The choices that several ranks make while a pass runs, shared with all of them.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/device/device.hpp"

namespace strata::run {

// A gather among the others of lane comm, at the same place in their order on every rank, so that
// no two ranks wait for each other. Used on the thread that feeds the lanes.
class Agreement {
 public:
  // Choices are numbered below `choices`; one event of the device is its own.
  Agreement(device::Device& device, device::Collective& collective, uint32_t choices,
            uint32_t event);

  // The choices of all ranks together, ascending. Returns when every rank has called it; throws
  // where one is lost.
  std::vector<uint32_t> all(std::span<const uint32_t> own);

 private:
  device::Device& device_;
  device::Collective& collective_;
  uint32_t choices_, event_;
  uint64_t shard_;    // bytes of a rank: one a choice
  std::byte* flags_;  // of all ranks, in host memory
  uint64_t occurrences_ = 0;
};

}  // namespace strata::run
