#include "app/training_log/bound.hpp"

#include <algorithm>
#include <array>

#include "app/training_log/number_text.hpp"

namespace strata::training_log {
namespace {

constexpr std::size_t resources = 7;  // of BoundBy
using Seconds = std::array<double, resources>;

double seconds(double work, double rate) { return rate > 0 ? std::max(work, 0.0) / rate : 0; }

// How long each resource is busy with a part.
Seconds busy(const PhaseWork& work, const StepRates& rates) {
  Seconds out{};
  const auto at = [&](BoundBy by) -> double& { return out[static_cast<std::size_t>(by)]; };
  at(BoundBy::compute) = seconds(work.flops, rates.flops);
  at(BoundBy::to_device) = seconds(work.to_device, rates.to_device);
  at(BoundBy::to_host) = seconds(work.to_host, rates.to_host);
  at(BoundBy::disk) = seconds(work.read_from_disk, rates.disk_read) +
                      seconds(work.written_to_disk, rates.disk_write);
  at(BoundBy::memory) = seconds(work.device_memory, rates.device_memory);
  at(BoundBy::host_memory) = seconds(work.host_memory, rates.host_memory);
  return out;
}

PhaseWork sum(const PhaseWork& a, const PhaseWork& b) {
  return {a.flops + b.flops,
          a.to_device + b.to_device,
          a.to_host + b.to_host,
          a.read_from_disk + b.read_from_disk,
          a.written_to_disk + b.written_to_disk,
          a.device_memory + b.device_memory,
          a.host_memory + b.host_memory};
}

double longest(const Seconds& of) { return std::ranges::max(of); }

BoundBy busiest(const Seconds& of) {
  return longest(of) > 0 ? static_cast<BoundBy>(std::ranges::max_element(of) - of.begin())
                         : BoundBy::nothing;
}

}  // namespace

const char* name_of(BoundBy by) {
  constexpr std::array<const char*, resources> names{
      "nothing", "compute",       "link to the device", "link to the host",
      "disk",    "device memory", "host memory"};
  return names[static_cast<std::size_t>(by)];
}

StepBound step_bound(const StepWork& work, const StepRates& rates) {
  const auto forward = busy(work.forward, rates), backward = busy(work.backward, rates),
             update = busy(work.update, rates);
  StepBound bound{.forward = longest(forward),
                  .backward = longest(backward),
                  .update = longest(update),
                  .forward_by = busiest(forward),
                  .backward_by = busiest(backward),
                  .update_by = busiest(update)};
  if (!work.clipping) {
    const auto all = busy(sum(sum(work.forward, work.backward), work.update), rates);
    bound.seconds = longest(all);
    bound.by = busiest(all);
    return bound;
  }
  const auto& second = bound.update > bound.forward ? update : forward;
  bound.seconds = bound.backward + longest(second);
  // The two parts follow each other, so a resource that holds up both counts with both.
  Seconds held{};
  held[static_cast<std::size_t>(busiest(backward))] += bound.backward;
  held[static_cast<std::size_t>(busiest(second))] += longest(second);
  bound.by = busiest(held);
  return bound;
}

std::string parts_text(const StepBound& bound) {
  if (bound.by == BoundBy::nothing) return "none: no rate is known";
  const auto timed = [](double least, BoundBy by) {
    return significant(least) + " s by " + name_of(by);
  };
  auto text = timed(bound.seconds, bound.by);
  const char* before = "; ";
  const auto add = [&](const char* part, double least, BoundBy by) {
    if (by == BoundBy::nothing) return;
    text += before + (part + timed(least, by));
    before = ", ";
  };
  add("forward ", bound.forward, bound.forward_by);
  add("backward ", bound.backward, bound.backward_by);
  add("update ", bound.update, bound.update_by);
  return text;
}

std::string bound_text(const StepBound& bound, double measured_seconds) {
  auto text = "step " + significant(measured_seconds) + " s, ";
  if (bound.by == BoundBy::nothing) return text + "no bound: no rate is known";
  text += "bound " + significant(bound.seconds) + " s by " + name_of(bound.by);
  if (measured_seconds > 0) text += ": " + fixed(100 * bound.seconds / measured_seconds, 0) + " %";
  return text;
}

}  // namespace strata::training_log
