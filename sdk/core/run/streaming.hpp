// The real execution of a plan: tiers and lanes bring the units, the compute half uses them.
#pragma once
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "core/device/device.hpp"
#include "core/run/compute.hpp"
#include "core/run/rows.hpp"
#include "core/tier/reader.hpp"
#include "core/zero/backend.hpp"
#include "core/zero/simulate.hpp"

namespace strata::run {

// The origin of what a rank fetches of a unit: host memory that a tier maps, from its first byte
// on, or a route that the reader reads.
struct Origin {
  const std::byte* mapped = nullptr;
  tier::Route route;
};

class ExpertSlots;

struct StreamingParts {
  std::span<const zero::Unit> units;
  std::span<const zero::Place> placement;
  std::span<const Origin> origins;  // by unit
  std::byte* arena = nullptr;
  device::Device* device = nullptr;
  tier::Reader* reader = nullptr;  // where a tier reads
  Compute* compute = nullptr;
  Rows* rows = nullptr;                                          // for the embedding
  ExpertSlots* experts = nullptr;                                // where there are mixture layers
  device::Collective* collective = nullptr;                      // of a group
  uint32_t first_event = 0;                                      // of the device
  uint32_t objects = 0;                                          // of the plan
  std::function<void(uint64_t pass, uint32_t unit)> progress{};  // called before each unit runs
  // The list for each action's time, in the order of issue and in seconds of device::now();
  // complete after finish(). Null: times are not noted.
  std::deque<zero::Span>* trace = nullptr;
};

// Whether each of several ranks fetches a shard of the unit, which a gather completes.
bool is_gathered(const StreamingParts& parts, uint32_t unit);

// Enqueues the transfer of a unit's bytes to `base`, on the lane that its tier needs: of one that
// is gathered only this rank's shard, to its place. Returns the bytes that it moves.
uint64_t fetch_unit(const StreamingParts& parts, uint32_t unit, std::byte* base);

// Enqueues, on lane comm, the gather that completes the unit at `base` with the other ranks'
// shards. Returns the bytes that they send.
uint64_t gather_unit(const StreamingParts& parts, uint32_t unit, std::byte* base);

class Streaming : public zero::Backend {
 public:
  explicit Streaming(const StreamingParts& parts);

  // The ids of the next pass, for the embedding. With none, the pass brings every unit, as other
  // ranks need, and runs none.
  void begin(std::span<const int32_t> ids) {
    ids_ = ids;
    idle_ = ids.empty();
    ++pass_;
  }

  void wait(device::Lane lane, const zero::Event& event) override;
  void enqueue(const zero::Action& action, const zero::Slot& slot) override;
  void record(device::Lane lane, const zero::Event& event) override;
  void finish() override;

  // Bytes that fetches of mapped units have moved, and that all fetches issued so far move.
  uint64_t copied() const { return copied_; }
  uint64_t planned() const { return planned_; }
  // Bytes that the gathers issued so far get from other ranks.
  uint64_t gathered() const { return gathered_; }

 private:
  void carry_out(const zero::Action& action, const zero::Slot& slot);
  void fetch(const zero::Action& action, const zero::Slot& slot);
  void run(uint32_t unit, const zero::Slot& slot);
  bool has_experts(uint32_t unit) const;
  std::byte* base(const zero::Slot& slot) const;
  uint32_t number(const zero::Event& event) const;
  const std::byte* weights(uint32_t unit, const zero::Slot& slot) const;

  StreamingParts parts_;
  std::span<const int32_t> ids_;
  bool idle_ = false;             // the pass has no tokens
  uint64_t pass_ = 0;             // counted from 1
  std::vector<uint64_t> latest_;  // occurrence of each event
  uint64_t copied_ = 0, planned_ = 0, gathered_ = 0;
};

// The number of events that a Streaming of a plan with so many objects uses, from its first one on.
constexpr uint32_t streaming_events(std::size_t objects) {
  return static_cast<uint32_t>(objects) * zero::stages;
}

}  // namespace strata::run
