// The real execution of a training plan: lanes bring and store the objects, the trainer computes,
// the optimizer works on the host.
#pragma once
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "core/device/device.hpp"
#include "core/run/rows.hpp"
#include "core/tier/reader.hpp"
#include "core/train/experts.hpp"
#include "core/train/host_optimizer.hpp"
#include "core/train/host_units.hpp"
#include "core/train/snapshot.hpp"
#include "core/train/trainer.hpp"
#include "core/zero/backend.hpp"
#include "core/zero/simulate.hpp"

namespace strata::train {

struct StepParts {
  const TrainingPlan* training = nullptr;
  const zero::Plan* plan = nullptr;  // of `training`: its step, or its scoring
  const HostUnits* host = nullptr;
  std::byte* arena = nullptr;
  device::Device* device = nullptr;
  Trainer* trainer = nullptr;
  HostOptimizer* optimizer = nullptr;  // of a step
  DeviceStates* states = nullptr;      // of a step, where units have them on the device
  run::Rows* rows = nullptr;
  tier::Reader* reader = nullptr;   // where weights lie in files
  TrainExperts* experts = nullptr;  // of a model with experts
  uint64_t element = 4;             // bytes of one of the kept input
  uint64_t gradient_element = 4;    // and of one of a gradient
  uint64_t rows_bytes = 0;          // of the gradients of one rank's looked-up rows, in a group
  uint32_t first_event = 0;         // of the device
  std::deque<zero::Span>* trace = nullptr;  // as run::StreamingParts
  // The device may read the weights' memory when a copy is issued and not when its lane has come to
  // it: so does a GPU with small copies from memory that is not page-locked.
  bool reads_at_once = false;
  device::Collective* collective = nullptr;                      // of a group
  strata_dtype reduce{STRATA_FLOAT, 32, 1};                      // of a gradient
  std::function<void(uint64_t step, uint32_t unit)> progress{};  // called before each unit
};

// Bytes moved by a plan's actions as they were issued.
struct StepBytes {
  uint64_t to_device = 0, to_host = 0;
};

class StepBackend : public zero::Backend {
 public:
  explicit StepBackend(const StepParts& parts);

  // The micro-batches of the next pass, which last until it is issued, and its settings. One
  // without ids runs nothing, but takes part in what ranks do together.
  void begin(std::span<const MicroBatch> batches, const StepSettings& settings);
  // The sum of the losses of all micro-batches; waits for the device.
  Loss loss();

  void wait(device::Lane lane, const zero::Event& event) override;
  void enqueue(const zero::Action& action, const zero::Slot& slot) override;
  void record(device::Lane lane, const zero::Event& event) override;
  void finish() override;
  // Waits for the last occurrence of the stage; throws its failure.
  void synchronize(uint32_t object, zero::Stage stage);
  // Makes the lane wait for the last occurrence of the stage.
  void wait_last(device::Lane lane, uint32_t object, zero::Stage stage);
  // The event of the unit's last update that was issued.
  Snapshot::Update last_update(uint32_t unit) const;

  const StepBytes& moved() const { return moved_; }

 private:
  bool keeps_graphs() const { return parts_.optimizer && parts_.training->keeps_graphs; }
  bool lacks(const zero::Action& action) const;
  void carry_out(const zero::Action& action, const zero::Slot& slot);
  void fetch(const zero::Action& action, const zero::Slot& slot);
  void gather(const zero::Action& action, const zero::Slot& slot);
  void scatter(const zero::Action& action, const zero::Slot& slot);
  void store(const zero::Action& action, const zero::Slot& slot);
  void reduce(const zero::Action& action, const zero::Slot& slot);
  void run(const zero::Action& action, const zero::Slot& slot);
  void rerun(const zero::Action& action, const zero::Slot& slot);
  void run_nothing(const zero::Action& action);
  void begin_micro_batch(uint32_t index);
  void wait_updated(uint32_t object, uint64_t occurrence);
  uint32_t number(uint32_t object, zero::Stage stage) const;
  std::byte* at(uint64_t offset) const {
    return offset == zero::not_held ? nullptr : parts_.arena + offset;
  }
  const std::byte* weights(const zero::Slot& slot) const;
  bool is_idle(const zero::Action& action) const {
    return batches_[parts_.plan->uses[action.use].micro_batch].ids.empty();
  }
  uint64_t input_bytes(uint32_t micro_batch) const;

  StepParts parts_;
  std::span<const MicroBatch> batches_;
  StepSettings settings_;
  Loss loss_;
  bool loss_open_ = false;        // a micro-batch has begun whose loss was not taken
  std::vector<uint64_t> latest_;  // occurrence of each event
  std::vector<uint64_t> read_;    // by object: the update that lane io has waited for
  StepBytes moved_;
  uint64_t passes_ = 0;
};

// The number of events that a backend of the plan uses.
inline uint32_t step_events(const zero::Plan& plan) {
  return static_cast<uint32_t>(plan.objects.size()) * zero::stages;
}

}  // namespace strata::train
