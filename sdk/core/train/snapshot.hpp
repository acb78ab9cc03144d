// A snapshot of the model's states without a copy of them: the next step's update of a unit waits
// until the unit has been read.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "core/device/device.hpp"

namespace strata::train {

// Holds back the updates of units that a snapshot has still to read.
class UpdateHold {
 public:
  // Holds back all updates of the steps behind `step`. Called before any of these is issued, and
  // not while it is open.
  void open(uint64_t step, std::size_t units);
  void release(uint32_t unit);
  // Releases all units.
  void close();
  // Called by the optimizer before the update of a unit in this step: blocks while it is held back.
  void wait(uint32_t unit, uint64_t step);

 private:
  std::mutex mutex_;
  std::condition_variable released_;
  uint64_t step_ = 0;
  std::vector<bool> held_;  // by unit; empty: it is not open
};

// The states as the updates of one step leave them. Made on the computing thread, used on one
// thread of any kind, but not on a lane. Its destructor releases all units.
class Snapshot {
 public:
  // The event of a unit's update in the step; occurrence 0: there is nothing to wait for.
  struct Update {
    uint32_t event = 0;
    uint64_t occurrence = 0;
  };
  // `updates` are by unit; `hold` and `device` outlive this.
  Snapshot(UpdateHold& hold, uint64_t step, device::Device& device, std::vector<Update> updates);
  ~Snapshot() { hold_.close(); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // Blocks until the unit may be read; throws the failure of its update.
  void wait(uint32_t unit);
  // Gives the unit up: the next step may change it.
  void release(uint32_t unit) { hold_.release(unit); }

 private:
  UpdateHold& hold_;
  device::Device& device_;
  std::vector<Update> updates_;
};

}  // namespace strata::train
