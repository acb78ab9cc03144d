// The least time of a training step: from its counted work and the machine's rates, by the resource
// that is busy for the longest.
#pragma once
#include <cstdint>
#include <string>

namespace strata::training_log {

// A part of a step as each resource sees it; everything but flops in bytes.
struct PhaseWork {
  double flops = 0;
  double to_device = 0, to_host = 0;  // over the link, whose directions do not share a rate
  double read_from_disk = 0, written_to_disk = 0;  // these share the disk
  double device_memory = 0;                        // read and written by what computes
  double host_memory = 0;  // read and written by what sums gradients and updates weights there
};

// One step of one rank, over all of its micro-batches.
struct StepWork {
  PhaseWork forward;
  PhaseWork backward;     // with the forward that is run again
  PhaseWork update;       // on the host it has bytes of its memory and of disks alone
  bool clipping = false;  // the update waits for the norm of all gradients
};

// A second; 0 for an unknown rate, whose resource is then left out, so that the bound is lower.
struct StepRates {
  double flops = 0;
  double to_device = 0, to_host = 0;
  double disk_read = 0, disk_write = 0;
  double device_memory = 0, host_memory = 0;
};

enum class BoundBy : uint8_t { nothing, compute, to_device, to_host, disk, memory, host_memory };
// "compute", "link to the device", "link to the host", "disk", "device memory", "host memory";
// "nothing": no rates.
const char* name_of(BoundBy by);

struct StepBound {
  double seconds = 0;
  BoundBy by = BoundBy::nothing;
  double forward = 0, backward = 0, update = 0;  // the least seconds of each part alone
  // The resource of each of these.
  BoundBy forward_by{}, backward_by{}, update_by{};
};

// With clipping backward + max(update, forward): an update needs all gradients and is hidden behind
// the next forward alone. Without it the resource with the most work, because all of them overlap.
// `by` is the resource of the longest part of that sum.
StepBound step_bound(const StepWork& work, const StepRates& rates);

// "0.98 s by host memory; forward 0.2 s by compute, backward 0.5 s by compute, update 0.48 s by
// host memory".
std::string parts_text(const StepBound& bound);

// "step 1.23 s, bound 0.98 s by host memory: 80 %".
std::string bound_text(const StepBound& bound, double measured_seconds);

}  // namespace strata::training_log
