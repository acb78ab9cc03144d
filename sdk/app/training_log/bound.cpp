#include "app/training_log/bound.hpp"

#include <algorithm>
#include <array>

#include "app/training_log/number_text.hpp"

namespace strata::training_log {
namespace {

constexpr std::size_t resources = 6;  // of BoundBy
using Seconds = std::array<double, resources>;

double seconds(double work, double rate) { return rate > 0 ? std::max(work, 0.0) / rate : 0; }

// How long each resource is busy with a part.
Seconds busy(const PhaseWork& work, const StepRates& rates) {
  Seconds out{};
  const auto at = [&](BoundBy by) -> double& { return out[static_cast<std::size_t>(by)]; };
  at(BoundBy::compute) = seconds(work.flops, rates.flops);
  at(BoundBy::link) =
      std::max(seconds(work.to_device, rates.to_device), seconds(work.to_host, rates.to_host));
  at(BoundBy::disk) = seconds(work.read_from_disk, rates.disk_read) +
                      seconds(work.written_to_disk, rates.disk_write);
  at(BoundBy::memory) = seconds(work.device_memory, rates.device_memory);
  return out;
}

PhaseWork sum(const PhaseWork& a, const PhaseWork& b) {
  return {a.flops + b.flops,
          a.to_device + b.to_device,
          a.to_host + b.to_host,
          a.read_from_disk + b.read_from_disk,
          a.written_to_disk + b.written_to_disk,
          a.device_memory + b.device_memory};
}

double longest(const Seconds& of) { return std::ranges::max(of); }

BoundBy busiest(const Seconds& of) {
  return longest(of) > 0 ? static_cast<BoundBy>(std::ranges::max_element(of) - of.begin())
                         : BoundBy::nothing;
}

}  // namespace

const char* name_of(BoundBy by) {
  constexpr std::array<const char*, resources> names{"nothing", "compute", "link",
                                                     "disk",    "adam",    "memory"};
  return names[static_cast<std::size_t>(by)];
}

StepBound step_bound(const StepWork& work, const StepRates& rates) {
  const auto adam = static_cast<std::size_t>(BoundBy::adam);
  const auto forward = busy(work.forward, rates), backward = busy(work.backward, rates);
  auto update = busy(work.update, rates);
  update[adam] = seconds(work.adam_bytes, rates.adam);

  StepBound bound{
      .forward = longest(forward), .backward = longest(backward), .update = longest(update)};
  if (!work.clipping) {
    auto all = busy(sum(sum(work.forward, work.backward), work.update), rates);
    all[adam] = update[adam];
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

std::string bound_text(const StepBound& bound, double measured_seconds) {
  auto text = "step " + significant(measured_seconds) + " s, ";
  if (bound.by == BoundBy::nothing) return text + "no bound: no rate is known";
  text += "bound " + significant(bound.seconds) + " s by " + name_of(bound.by);
  if (measured_seconds > 0) text += ": " + fixed(100 * bound.seconds / measured_seconds, 0) + " %";
  return text;
}

}  // namespace strata::training_log
