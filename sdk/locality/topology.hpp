// The machine's cores as the system has them, and the binding of this process to some of them.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "locality/cores.hpp"

namespace strata::locality {

// The errors of binding, as errno has them; 0: it is done.
struct Bound {
  int cores = 0, memory = 0;
};

class Topology {
 public:
  virtual ~Topology() = default;
  // The cores that this process may use, by its control group and its own binding; neighbors in the
  // machine are neighbors here. Empty where the system does not tell.
  virtual std::vector<Core> cores() const = 0;
  // Binds all threads of the process, and those that they start. Memory that the calling thread and
  // its later threads take lies on the cores' nodes while there is room.
  virtual Bound bind(std::span<const Core> cores) = 0;
};

// Exported by libstrata-hwloc under the name "strata_open_topology"; null where it fails.
using OpenTopology = std::unique_ptr<Topology>();

// Opens the machine by hwloc's library, which this loads. Throws an Error with `who`.
std::unique_ptr<Topology> open_topology(const std::string& who);

}  // namespace strata::locality
