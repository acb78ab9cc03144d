// The cores of a machine, and the part of them that one of its ranks has.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::locality {

// A physical core. Its hardware threads and the NUMA node of its memory have the system's numbers.
struct Core {
  uint32_t node = 0;
  std::vector<uint32_t> cpus;
  friend bool operator==(const Core&, const Core&) = default;
};

struct Share {
  std::vector<Core> cores;  // one or more
  bool alone = true;        // false: there are fewer cores than ranks, and others have them, too
};

// The share of rank `local` of a machine: as many cores as each other rank has, in their order.
// `near` has the NUMA node of each rank's GPU. If all are known and have cores, the cores of a node
// are split over the ranks whose GPUs are there, else all cores over all ranks. All ranks give the
// same cores, one or more, and the same nodes.
Share share_of(const std::vector<Core>& cores, std::span<const std::optional<uint32_t>> near,
               uint32_t local);

// The numbers of a list such as "0,2-4". Throws UsageError.
std::vector<uint32_t> parse_cpus(std::string_view list);

// The cores with these hardware threads alone. Throws UsageError for one that no core has.
std::vector<Core> only(const std::vector<Core>& cores, const std::vector<uint32_t>& cpus);

// The hardware threads of all cores, in the form of parse_cpus.
std::string cpus_text(std::span<const Core> cores);

// The NUMA nodes of all cores, ascending.
std::vector<uint32_t> nodes_of(std::span<const Core> cores);

}  // namespace strata::locality
