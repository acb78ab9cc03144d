#include "locality/topology.hpp"

#include "core/error.hpp"
#include "registry/shared_library.hpp"

namespace strata::locality {

std::unique_ptr<Topology> open_topology(const std::string& who) {
  auto* open = reinterpret_cast<OpenTopology*>(registry::function_of(
      "libstrata-hwloc.so", "strata_open_topology", who, "install libhwloc15"));
  auto out = open();
  if (!out) throw Error(who, "hwloc cannot read the machine's cores", "leave it out");
  return out;
}

}  // namespace strata::locality
