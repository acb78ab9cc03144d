#include "core/zero/simulate.hpp"

#include "core/zero/executor.hpp"
#include "core/zero/virtual_clock.hpp"

namespace strata::zero {

Timeline simulate(const Plan& plan, std::span<const Unit> units, const Placement& placement,
                  const Rates& rates, int passes, uint32_t ranks) {
  VirtualClock clock(plan, units, placement, rates, ranks);
  Executor executor(plan, clock);
  for (int pass = 0; pass < passes; ++pass) executor.pass();
  executor.finish();
  return clock.timeline();
}

}  // namespace strata::zero
