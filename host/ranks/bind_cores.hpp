// The cores of this process, one of the ranks of its machine.
#pragma once
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "app/log.hpp"
#include "core/run/ranks.hpp"

namespace strata::host {

struct CoreWish {
  std::string list;  // the CPUs that may be used; empty: all that the process may use
  bool gpu = false;  // the rank may compute on a GPU
};

struct BoundCores {
  std::size_t count = 0;
  nlohmann::json report;  // {count, cpus, nodes, memory, alone}
};

// Binds this process to its share of the machine's cores, and its memory to their NUMA nodes where
// the system lets it, and says so in the log. Only threads that are started later, and memory of
// theirs and of this thread, are sure to be there. Throws Error where the system refuses the cores.
// [main-thread]
BoundCores bind_cores(const CoreWish& wish, const run::Ranks& ranks, const app::Log& log);

}  // namespace strata::host
