// Several processes that run one plan, each moving a part of every unit.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace strata::run {

// This process's rank, the number of ranks, and the address where they meet: rank 0 listens there.
struct Ranks {
  uint32_t rank = 0, ranks = 1;
  uint32_t local = 0, locals = 1;  // this process's number among those of its machine
  std::string address;
  uint16_t port = 0;
  int listener = -1;  // rank 0: a socket that it inherited, which listens at the port already
  std::chrono::milliseconds patience{30'000};  // the limit for the others to join
};

// The value of an environment's variable; empty where it is not set.
using Variable = std::function<std::string_view(const char* name)>;

// The variable by which the process that starts the ranks of one machine names rank 0's listener.
inline constexpr char listener_variable[] = "STRATA_RANKS_LISTENER";

// Reads the variables of torchrun, Open MPI, MPICH or Slurm, the first of them that started this
// process; one rank where none did. MASTER_ADDR and MASTER_PORT hold with each of them. Throws
// UsageError for variables that are missing, contradict each other or are no numbers.
Ranks ranks_of(const Variable& variable);
Ranks ranks_of_environment();

}  // namespace strata::run
