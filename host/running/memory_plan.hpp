// Shares the memory that there is between a run's device and its tiers, and plans the run in it.
#pragma once
#include <optional>
#include <string>

#include "core/run/prepare.hpp"
#include "host/running/host_memory.hpp"

namespace strata::host {

// What the user or the machine sets.
struct Budgets {
  std::optional<uint64_t> device, host;  // by option
  bool tier_named = false;               // every unit goes to the tier that was named
  uint64_t separate_device = 0;          // bytes of the device, where its memory is not the host's
};

// Fills in the budgets of `wish`. A device in host memory and the tiers that map host memory share
// what is free, without what the program itself takes: the device gets all of it where the model
// fits, else the share with which a pass reads least from files.
run::Prepared prepare_in_memory(const run::Model& model, run::Wish& wish, const Budgets& budgets,
                                const HostMemory& free);

// The most host memory that the process will hold: the program, its transfers, the tiers, and a
// device that lies in host memory.
struct HostShare {
  uint64_t program = 0, transfers = 0, tiers = 0, device = 0;
  uint64_t bytes() const { return program + transfers + tiers + device; }
};
HostShare host_share(const run::Prepared& prepared, const run::Wish& wish);

// Says how much of it there is not; empty: it fits.
std::string too_much(const HostShare& share, const HostMemory& free);

}  // namespace strata::host
