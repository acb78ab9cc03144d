// What several ranks choose while a pass runs, told to all of them.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/zero/device.hpp"

namespace strata::run {

// A gather among the others of lane comm, in the same place of their order on every rank: so no
// rank waits for one that waits for it. Used on the thread that feeds the lanes.
class Agreement {
 public:
  // Choices are numbered below `choices`; one event of the device is its own.
  Agreement(zero::Device& device, zero::Collective& collective, uint32_t choices, uint32_t event);

  // What any rank has chosen, ascending. Returns when every rank has called it; throws where one is
  // lost.
  std::vector<uint32_t> all(std::span<const uint32_t> own);

 private:
  zero::Device& device_;
  zero::Collective& collective_;
  uint32_t choices_, event_;
  uint64_t shard_;    // bytes of a rank: one a choice
  std::byte* flags_;  // of all ranks, in host memory
  uint64_t occurrences_ = 0;
};

}  // namespace strata::run
