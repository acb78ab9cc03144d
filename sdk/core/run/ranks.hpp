// Several processes that run one plan, each moving a part of every unit.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "core/device/device.hpp"

namespace strata::run {

// This process's rank, the number of ranks, and the address where they meet: rank 0 listens there.
struct Ranks {
  uint32_t rank = 0, ranks = 1;
  std::string address;
  uint16_t port = 0;
  std::chrono::milliseconds patience{30'000};  // the limit for a connected peer that does nothing
};

// Reads RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets them; one rank where
// WORLD_SIZE is not set. Refuses text that is no number, and a rank outside of the world size.
Ranks ranks_of_environment();

// Exported by libstrata-torch under the name "strata_open_gloo": returns when all ranks have
// joined.
using OpenCollective = std::unique_ptr<device::Collective>(const Ranks&);

}  // namespace strata::run
