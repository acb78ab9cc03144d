// The experts while a pass runs: in slots of the arena, fetched when a layer has chosen them.
#pragma once
#include <memory>
#include <vector>

#include "core/run/agreement.hpp"
#include "core/run/compute.hpp"
#include "core/run/streaming.hpp"
#include "core/zero/expert_cache.hpp"
#include "core/zero/plan.hpp"

namespace strata::run {

// Fetches go through the lanes as those of the plan do, in order behind earlier ones, so that
// everything they wait for is already issued. Several ranks bring every expert that any of them has
// chosen, in ascending order, though each computes only its own: so all ranks issue the same
// gathers in the same order, and their caches get the same needs and decide the same. Where no
// expert is gathered, each rank brings its own alone.
class ExpertSlots final : public Experts {
 public:
  // `plan` outlives it; events(plan) of the device's events from `first_event` on are its own.
  ExpertSlots(const StreamingParts& parts, const zero::Plan& plan, uint32_t first_event);
  static uint32_t events(const zero::Plan& plan) { return 1 + slot_events * plan.experts.count; }

  void need(uint32_t declared, std::span<const uint32_t> experts) override;
  Expert take() override;
  std::vector<Expert> take_all() override;  // where none of the layer's streams
  // Call it after each unit: brings the experts of it that only other ranks still need.
  void end_layer();
  // Waits for all fetches; throws the earliest failure.
  void finish();

  // Bytes that fetches of mapped experts have moved, and that all fetches issued so far move.
  uint64_t copied() const { return copied_; }
  uint64_t planned() const { return planned_; }
  // Bytes that the gathers issued so far get from other ranks.
  uint64_t gathered() const { return gathered_; }
  const zero::ExpertCache& cache() const { return cache_; }

 private:
  static constexpr uint32_t slot_events = 3;
  struct Slot {
    uint32_t unit = 0;
    uint64_t fetched = 0, released = 0;   // occurrences; gathered has the number of fetched
    bool arrived = false, ready = false;  // waited for; in run form
  };
  struct Layer {
    uint32_t first = 0, number = 0;  // the first expert's unit; of the mixture layers
  };
  struct Wanted {
    uint32_t unit = 0;
    bool here = false;  // this rank has chosen it
  };
  uint32_t agreed() const { return first_event_; }
  uint32_t fetched(uint32_t slot) const { return first_event_ + 1 + slot_events * slot; }
  uint32_t gathered(uint32_t slot) const { return fetched(slot) + 1; }
  uint32_t released(uint32_t slot) const { return fetched(slot) + 2; }
  // The event after which all bytes of the expert in the slot are there.
  uint32_t whole(uint32_t slot) const {
    return is_gathered(parts_, slots_[slot].unit) ? gathered(slot) : fetched(slot);
  }
  std::byte* memory(uint32_t slot) const {
    return parts_.arena + plan_.experts.offset + slot * plan_.experts.bytes;
  }
  bool streams(uint32_t unit) const;
  bool any_is_gathered() const;
  Wanted bring_next();
  Expert in_place(uint32_t unit) const;
  void release();
  void fetch(uint32_t unit, uint32_t slot);
  void arrive(uint32_t slot);
  void make_ready(uint32_t slot);

  StreamingParts parts_;
  const zero::Plan& plan_;
  uint32_t first_event_;
  std::vector<Layer> layers_;  // by declared unit
  zero::ExpertCache cache_;
  std::vector<Slot> slots_;
  std::unique_ptr<Agreement> agreement_;  // where experts are gathered
  std::vector<Wanted> wanted_;            // of the layer, ascending
  std::size_t at_ = 0;
  uint32_t taken_ = zero::no_slot;  // in use
  uint64_t copied_ = 0, planned_ = 0, gathered_ = 0;
};

}  // namespace strata::run
