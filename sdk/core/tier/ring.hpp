// Slots of host memory that take turns, and the transfers between them and a tier.
#pragma once
#include <cstdint>
#include <exception>
#include <vector>

#include "core/device/arena.hpp"
#include "core/tier/client.hpp"

namespace strata::tier {

// Used by one thread at a time. The first transfer that fails is thrown by every later wait.
class Ring {
 public:
  // `to` is where transfers are submitted, `tier` the one whose limits and memory they have; both
  // outlive it. A slot has room for `bytes`, rounded up to the tier's alignment.
  Ring(Transfers& to, Tier& tier, uint64_t bytes, uint32_t slots);
  // Waits for what is in flight.
  ~Ring();
  Ring(const Ring&) = delete;

  uint64_t align() const { return align_; }
  uint64_t slot_bytes() const { return slot_bytes_; }
  uint64_t all_bytes() const { return slot_bytes_ * flying_.size(); }
  // Rounds up to the tier's alignment.
  uint64_t up(uint64_t bytes) const { return (bytes + align_ - 1) / align_ * align_; }

  // The slot whose turn it is, when its transfers are done.
  uint32_t next();
  std::byte* memory(uint32_t slot) const { return first_ + slot * slot_bytes_; }
  // Starts a STRATA_READ or STRATA_WRITE of a slot's bytes from `from` on. All places and `bytes`
  // are multiples of align().
  void start(uint32_t op, uint32_t slot, const Region& region, uint64_t offset, uint64_t bytes,
             uint64_t from = 0);
  void wait(uint32_t slot);
  void wait_all();

 private:
  void land();

  Transfers& to_;
  uint64_t align_, longest_, slot_bytes_;
  device::Arena arena_;
  std::byte* first_;
  std::vector<Announced> announced_;  // one
  std::vector<uint32_t> flying_;      // by slot
  uint32_t turn_ = 0;
  std::exception_ptr failure_;
};

}  // namespace strata::tier
