// The experts of mixture layers while a step runs: in slots of the arena, fetched when a layer has
// chosen them, and their gradients on the way back to the host.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "core/device/device.hpp"
#include "core/run/agreement.hpp"
#include "core/run/compute.hpp"
#include "core/tier/reader.hpp"
#include "core/train/host_optimizer.hpp"
#include "core/train/host_units.hpp"
#include "core/train/prepare.hpp"
#include "core/train/trainer.hpp"
#include "core/zero/expert_cache.hpp"
#include "core/zero/simulate.hpp"

namespace strata::train {

// Everything outlives the experts.
struct ExpertParts {
  const TrainingPlan* training = nullptr;
  const HostUnits* host = nullptr;
  std::byte* arena = nullptr;
  device::Device* device = nullptr;
  tier::Reader* reader = nullptr;  // where weights lie in files
  HostOptimizer* optimizer = nullptr;
  Trainer* trainer = nullptr;                // expands packed experts; null where none is packed
  strata_dtype reduce{STRATA_FLOAT, 32, 1};  // of gradients on the device
  uint32_t first_event = 0;                  // of the device
  // Makes the lane wait for the last update of a unit that was issued.
  std::function<void(device::Lane lane, uint32_t unit)> wait_updated{};
  std::deque<zero::Span>* trace = nullptr;   // as run::StreamingParts
  device::Collective* collective = nullptr;  // of a group
};

// Fetches go through lane copy, or io from files, gradients through lane back, sums are made on
// lane host, all in the order of the calls. The gradient of an expert's first micro-batch of a step
// goes straight to its memory on the host where the dtype is the same; others go through a staging
// and are added.
//
// Several ranks bring what the tokens of any of them have chosen, in the same order, and add the
// gradients; a rank whose tokens did not choose an expert adds zeros.
class TrainExperts final : public run::Experts {
 public:
  explicit TrainExperts(const ExpertParts& parts);
  static constexpr uint32_t forward_alone = ~uint32_t{0};
  static uint32_t events(const TrainingPlan& plan) { return slot_events * plan.experts.count + 2; }

  // Begins a step, or a validation: weights that an earlier one fetched are old.
  void begin();
  // Before each unit: how often it needs its experts before the one time that is for gradients. A
  // rerun needs them once, to run forward again, the backward of a kept graph never.
  void begin_unit(uint32_t forwards) {
    forwards_ = forwards;
    needs_ = 0;
  }
  void need(uint32_t declared, std::span<const uint32_t> experts) override;
  Expert take() override;
  std::byte* gradients() override;  // null where the experts are frozen
  // Call it after each unit: stores the gradient of the expert taken last, and gives up those that
  // the trainer did not take.
  void end_layer();
  // Waits for all fetches, stores and sums, also behind one that failed; throws a failure.
  void finish();

  // Bytes moved as they were issued.
  uint64_t to_device() const { return to_device_; }
  uint64_t to_host() const { return to_host_; }

 private:
  static constexpr uint32_t slot_events = 5;
  struct Slot {
    uint32_t unit = 0;
    // Occurrences.
    uint64_t fetched = 0, released = 0, stored = 0, gathered = 0, scattered = 0;
    bool arrived = false;   // the compute lane waited for the fetch
    bool ready = false;     // its weights are in run form
    bool gradient = false;  // the trainer has memory for a gradient
  };
  struct Wanted {
    uint32_t unit = 0;
    bool here = true;  // a token of this rank has chosen it
  };
  struct Layer {
    uint32_t first = 0, number = 0;  // the first expert's unit; of the mixture layers
  };
  uint32_t fetched(uint32_t slot) const { return parts_.first_event + slot_events * slot; }
  uint32_t released(uint32_t slot) const { return fetched(slot) + 1; }
  uint32_t stored(uint32_t slot) const { return fetched(slot) + 2; }
  uint32_t gathered(uint32_t slot) const { return fetched(slot) + 3; }
  uint32_t scattered(uint32_t slot) const { return fetched(slot) + 4; }
  uint32_t reduced() const { return fetched(parts_.training->experts.count); }
  uint32_t agreed() const { return reduced() + 1; }
  std::byte* memory(uint32_t slot) const {
    const auto& slots = parts_.training->experts;
    return parts_.arena + slots.offset + slot * slots.bytes;
  }
  Wanted bring_next();
  void wait_for_slot();
  void pass_by();
  void fetch(uint32_t unit, uint32_t slot);
  void gather(uint32_t unit, uint32_t slot);
  std::byte* arrival(uint32_t unit, uint32_t slot) const;
  void make_ready(uint32_t slot);
  void read(uint32_t unit, uint32_t slot, const tier::Route& route);
  void release();
  void scatter(uint32_t slot);
  void store(uint32_t slot);

  ExpertParts parts_;
  std::unique_ptr<run::Agreement> agreement_;  // of a group
  std::vector<Layer> layers_;                  // by declared unit
  uint32_t mixtures_ = 0;                      // layers with experts
  zero::ExpertCache cache_;
  std::vector<Slot> slots_;
  std::vector<Wanted> wanted_;  // units of the layer, ascending
  uint32_t forwards_ = forward_alone, needs_ = 0;
  bool backward_ = false;  // the experts are needed for gradients
  std::size_t at_ = 0;
  uint32_t taken_ = zero::no_slot;  // in use
  uint64_t step_ = 0;
  std::vector<uint64_t> stored_in_;  // by unit: the last step with a gradient of it
  uint64_t sums_ = 0;                // occurrences of reduced()
  std::vector<uint64_t> reduced_;    // by staging: the occurrence of its last sum
  uint32_t staged_ = 0;              // gradients that went through stagings
  uint64_t to_device_ = 0, to_host_ = 0;
};

}  // namespace strata::train
