// The host memory that training holds, before it takes any.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "core/train/prepare.hpp"

namespace strata::app {

// Bytes of each part.
struct HostNeed {
  std::uint64_t weights = 0, states = 0, gradients = 0;
  std::uint64_t inputs = 0;       // kept inputs that do not stay on the device
  std::uint64_t host_memory = 0;  // of all parts that lie in host memory, without buffers
  // Remedies: in 16 bits the gradients would take less; states or weights may go to files.
  bool wide_gradients = false, movable_states = false, movable_weights = false;
};

HostNeed host_need(const train::TrainingPlan& plan, const train::TrainingRequest& request);

// Throws Error if the parts in host memory need more than the limit of --host-memory.
void need_host_memory(std::optional<std::uint64_t> limit, const HostNeed& need,
                      const std::string& model);

}  // namespace strata::app
