#include "core/train/snapshot.hpp"

#include <utility>

#include "core/error.hpp"

namespace strata::train {

void UpdateHold::open(uint64_t step, std::size_t units) {
  const std::lock_guard lock(mutex_);
  if (!held_.empty())
    throw Error("training", "a snapshot is read already", "this is a mistake in Strata");
  step_ = step;
  held_.assign(units, true);
}

void UpdateHold::release(uint32_t unit) {
  {
    const std::lock_guard lock(mutex_);
    held_.at(unit) = false;
  }
  released_.notify_all();
}

void UpdateHold::close() {
  {
    const std::lock_guard lock(mutex_);
    held_.clear();
  }
  released_.notify_all();
}

// The updates of the snapshot's own step may still be under way when it is opened.
void UpdateHold::wait(uint32_t unit, uint64_t step) {
  std::unique_lock lock(mutex_);
  released_.wait(lock, [&] { return held_.empty() || step <= step_ || !held_.at(unit); });
}

Snapshot::Snapshot(UpdateHold& hold, uint64_t step, device::Device& device,
                   std::vector<Update> updates)
    : hold_(hold), device_(device), updates_(std::move(updates)) {
  hold_.open(step, updates_.size());
}

void Snapshot::wait(uint32_t unit) {
  const auto& update = updates_.at(unit);
  if (update.occurrence > 0) device_.synchronize(update.event, update.occurrence);
}

}  // namespace strata::train
