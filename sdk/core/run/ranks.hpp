// Several processes that run one plan, each moving a part of every unit.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "core/zero/device.hpp"

namespace strata::run {

// Where this process stands, and where all of them meet: rank 0 listens there.
struct Ranks {
  uint32_t rank = 0, ranks = 1;
  std::string address;
  uint16_t port = 0;
  std::chrono::milliseconds patience{30'000};  // with a peer that is there but does nothing
};

// Read from RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets them; one rank where
// WORLD_SIZE is not there. Refused: what is no number, or a rank that is none of them.
Ranks ranks_of_environment();

// Exported by libstrata-torch under the name "strata_open_gloo": returns when all ranks are there.
using OpenCollective = std::unique_ptr<zero::Collective>(const Ranks&);

}  // namespace strata::run
