// A simulation of a plan: its timeline from the machine's rates, without the machine.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/zero/plan.hpp"

namespace strata::zero {

// Bytes per second, and seconds of each unit's run. An update reads and writes `update` bytes of
// the host's memory for each byte of its gradient.
struct Rates {
  double disk = 3e9, link = 50e9, network = 100e9, expand = 500e9, back = 50e9, memory = 100e9;
  double update = 7;
  std::vector<double> run;  // by unit
};

struct Span {
  Kind kind;
  Lane lane;
  uint32_t unit;
  double begin, end;  // seconds
  bool operator==(const Span&) const = default;
};

struct Timeline {
  std::vector<Span> spans;           // in issue order
  std::array<double, lanes> busy{};  // seconds of work by lane
  double end = 0;
};

// Runs `passes` passes of the plan by the executor on a virtual clock, each as the executor runs
// it: with the prologue before the first one, or before each one of a plan that does not wrap.
// Throws Error for a plan that breaks the order of a unit's states.
Timeline simulate(const Plan& plan, std::span<const Unit> units, const Placement& placement,
                  const Rates& rates, int passes, uint32_t ranks = 1);

}  // namespace strata::zero
