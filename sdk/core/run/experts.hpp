// Experts while a pass runs: in slots of the arena, fetched when a layer has chosen them.
#pragma once
#include <vector>

#include "core/run/compute.hpp"
#include "core/run/streaming.hpp"
#include "core/zero/expert_cache.hpp"
#include "core/zero/plan.hpp"

namespace strata::run {

// Fetches go through the lanes as those of the plan do, in order behind what was issued before, so
// that nothing they wait for is still to be issued. A slot has two events: fetched, and released.
class ExpertSlots final : public Experts {
 public:
  // `plan` outlives it; the device's events from `first_event` on are its own, two a slot.
  ExpertSlots(const StreamingParts& parts, const zero::Plan& plan, uint32_t first_event);

  void need(uint32_t declared, std::span<const uint32_t> experts) override;
  Expert take() override;
  // Waits for what was fetched; throws the earliest failure.
  void finish();

  // Bytes that fetches of mapped experts have moved, and that all fetches issued so far move.
  uint64_t copied() const { return copied_; }
  uint64_t planned() const { return planned_; }
  const zero::ExpertCache& cache() const { return cache_; }

 private:
  struct Slot {
    uint32_t unit = 0;
    uint64_t fetched = 0, released = 0;  // occurrences
    bool fresh = false;                  // fetched, and not expanded yet
  };
  struct Layer {
    uint32_t first = 0, number = 0;  // the first expert's unit; of the mixture layers
  };
  uint32_t fetched(uint32_t slot) const { return first_event_ + 2 * slot; }
  uint32_t released(uint32_t slot) const { return fetched(slot) + 1; }
  std::byte* memory(uint32_t slot) const {
    return parts_.arena + plan_.experts.offset + slot * plan_.experts.bytes;
  }
  bool streams(uint32_t unit) const;
  void release();
  void fetch(uint32_t unit, uint32_t slot);
  void make_ready(uint32_t slot);

  StreamingParts parts_;
  const zero::Plan& plan_;
  uint32_t first_event_;
  std::vector<Layer> layers_;  // by declared unit
  zero::ExpertCache cache_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> wanted_, streamed_;  // units
  std::size_t at_ = 0;
  uint32_t taken_ = zero::no_slot;  // in use
  uint64_t copied_ = 0, planned_ = 0;
};

}  // namespace strata::run
