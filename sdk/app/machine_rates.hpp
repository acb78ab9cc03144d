// The rates by which a plan's time is predicted: a machine's measured ones, or assumed ones.
#pragma once
#include <string>

namespace strata::app {

// Bytes a second, of `compute` operations.
struct MachineRates {
  double disk = 0;     // reads
  double link = 0;     // to the device
  double memory = 0;   // of the device
  double compute = 0;  // of the device
  double disk_write = 0;
  double link_to_host = 0;
  double host_memory = 0;  // read and written by the host's threads
};

// Rates without a measurement: a current GPU behind PCIe 5, or two CPU cores.
MachineRates assumed_rates(bool cuda);

// The rates in a file, a JSON object. `disk`, `link`, `memory` and `compute` must be there.
// `disk_write` and `link_to_host` are those of the other direction where they are not given, and
// `host_memory` is `memory` where the device is the host itself, else the assumed rate. Throws
// UsageError for a rate that is missing or not above 0.
MachineRates read_rates(const std::string& path, bool cuda);

}  // namespace strata::app
