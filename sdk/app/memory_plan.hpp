// Divides the free memory between a run's device and its tiers, and plans the run in it.
#pragma once
#include <optional>
#include <string>

#include "app/host_memory.hpp"
#include "core/run/prepare.hpp"

namespace strata::app {

// Memory budgets that the user or the machine sets.
struct Budgets {
  std::optional<uint64_t> device, host;  // by option
  bool tier_named = false;               // the user named a tier, and every unit goes there
  uint64_t separate_device = 0;          // bytes of a device that has memory of its own
};

// Fills in the budgets of `wish`. A device in host memory and the tiers that map host memory share
// the free memory, less what the program itself takes: the device gets all of it if the model fits,
// else the share with which a pass reads the fewest bytes from files.
run::Prepared prepare_in_memory(const run::Model& model, run::Wish& wish, const Budgets& budgets,
                                const HostMemory& free);

// The most host memory that the process will hold: the program, its transfers, the tiers, and a
// device that lies in host memory.
struct HostShare {
  uint64_t program = 0, transfers = 0, tiers = 0, device = 0;
  uint64_t bytes() const { return program + transfers + tiers + device; }
};
HostShare host_share(const run::Prepared& prepared, const run::Wish& wish);

// The words of an error that says how much memory is missing; empty if the run fits.
std::string too_much(const HostShare& share, const HostMemory& free);

}  // namespace strata::app
