// Several processes that run one plan, each moving a part of every unit.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace strata::run {

// This process's rank, the number of ranks, and the address where they meet: rank 0 listens there.
struct Ranks {
  uint32_t rank = 0, ranks = 1;
  uint32_t local = 0, locals = 1;  // this process's number among those of its machine
  std::string address;
  uint16_t port = 0;
  std::chrono::milliseconds patience{30'000};  // the limit for the others to join
};

// Reads RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets them; one rank where
// WORLD_SIZE is not set. Refuses text that is no number, and a rank outside of the world size.
Ranks ranks_of_environment();

}  // namespace strata::run
