// The optimizer on the host: it adds up gradients, takes their norm and updates the weights, on
// lane host.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/device/device.hpp"
#include "core/dtype.hpp"
#include "core/optim/adam.hpp"
#include "core/optim/bf16_weights.hpp"
#include "core/optim/workers.hpp"
#include "core/train/host_units.hpp"
#include "core/train/snapshot.hpp"
#include "core/train/state_kernels.hpp"
#include "core/train/update.hpp"

namespace strata::train {

inline constexpr uint32_t no_staging = expert_stagings;

// The numbers of one step.
struct StepNumbers {
  double rate = 0;        // the learning rate
  double loss_scale = 1;  // the gradients are that many times too large
};

struct OptimizerSettings {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;  // of matrices
  bool decoupled = true;    // AdamW; false: Adam, whose decay is part of the gradient
  uint64_t seed = 0;        // of the rounding of bfloat16 weights
  double clip = 0;          // the most that the norm of all gradients may be; 0: any norm
};

// The outcome of a step's gradients, known after its last reduction.
struct Gradients {
  double norm = 0;
  bool finite = true;  // false: the weights stay as they are, but for those of `updated` units
  // The units of a step with early updates that were updated before its first gradient that is not
  // finite was known.
  uint32_t updated = 0;
};

// Every sum is made in a fixed order, so that any number of threads gives the same bits. Several
// ranks add the norms of their parts, and with early updates agree behind each gradient whether it
// is finite.
class HostOptimizer : public device::HostWork {
 public:
  // Everything outlives it; `collective` is null on one rank. The plan's step is the one whose
  // items arrive. Throws Error where updates are early though the settings clip.
  HostOptimizer(const TrainingPlan& plan, const TrainingRequest& request, const HostUnits& units,
                const OptimizerSettings& settings, optim::Workers& workers,
                device::Collective* collective = nullptr);

  // Called on the computing thread before a step is issued, while at most the step before is under
  // way. `ids` are those of each micro-batch, of all ranks one after the other; they stay until the
  // step's last reduction.
  void begin(const StepNumbers& numbers, std::vector<std::span<const int32_t>> ids);
  // The item of an action of the plan, for device::Device::call.
  uint32_t item(const zero::Action& action) const { return action.use * 2 + steps_ % 2; }
  // The item of an expert's gradient that has arrived in a staging, or in its own memory
  // (no_staging) as the first one of the step.
  uint32_t expert_item(uint32_t unit, uint32_t staging) const {
    return (first_expert_ + unit * (expert_stagings + 1) + staging) * 2 + steps_ % 2;
  }
  void work(uint32_t item) override;

  // Makes a unit's weights anew from its master, as they were after their last update.
  void copy_weights(uint32_t unit);

  // The gradients of the step that was begun last, after its last reduction.
  const Gradients& gradients() const { return context(steps_ % 2).gradients; }
  // Steps in which a unit was updated; on the computing thread while no step is under way.
  uint64_t updates() const { return updates_; }
  void set_updates(uint64_t updates) { updates_ = updates; }
  // Steps that were begun; their numbers are counted from 1.
  uint64_t steps() const { return steps_; }
  // Every update of a unit waits for it.
  UpdateHold& hold() { return hold_; }

 private:
  struct Context {
    uint64_t step = 0;
    StepNumbers numbers;
    std::vector<std::span<const int32_t>> ids;
    Gradients gradients;
    std::vector<bool> chosen;            // by unit: experts with a gradient in this step
    optim::AdamStep decayed, plain;      // of matrices, and of others
    optim::AdafactorSettings adafactor;  // of matrices
    bool ready = false;                  // the two above are made
    uint32_t updated = 0;                // units so far
  };
  Context& context(uint32_t parity) { return contexts_[parity]; }
  const Context& context(uint32_t parity) const { return contexts_[parity]; }

  void reduce(const zero::Use& use, Context& step);
  void add_rows(const zero::Use& use, Context& step);
  void reduce_expert(uint32_t unit, uint32_t staging, Context& step);
  void square_experts(uint32_t layer, Context& step);
  void square(uint32_t unit, Context& step);
  void sum_over_ranks(std::span<double> values);
  double all_squares();
  void finish_gradients(Context& step);
  void finish_with_device(Context& step);
  void make_ready(Context& step);
  void update(uint32_t unit, Context& step);
  void update_weights(uint32_t unit, const Context& step);
  template <class F>
  void each_part(uint32_t unit, const Bucket& bucket, const F& f);
  // The unit's weights from element `first` of the piece on, if they are held in bfloat16 alone.
  optim::Bf16Weights bf16_weights(uint32_t unit, const Piece& piece, uint64_t first) const;
  // The sum of a unit whose gradient is held in float32.
  float* sum_of(uint32_t unit) const { return reinterpret_cast<float*>(units_[unit].gradient); }
  const std::byte* gradient_of(uint32_t unit, uint64_t first) const {
    const auto& held = units_[unit];
    return held.gradient + (first - held.share.first) * element_bytes(held.gradient_dtype);
  }

  const TrainingPlan& plan_;
  strata_dtype reduce_;
  Rule rule_;
  uint32_t micro_batches_;
  bool early_;
  uint32_t ranks_;
  uint64_t tokens_;  // of a micro-batch, at most
  device::Collective* collective_;
  const HostUnits& units_;
  OptimizerSettings settings_;
  optim::Workers& workers_;
  uint32_t first_expert_ = 0;  // of the items
  // The use with the step's last gradient; none if a use of its own takes the norm.
  uint32_t last_ = zero::no_object;
  std::vector<uint32_t> next_update_;         // by unit: the one updated behind it, or no_unit
  std::vector<std::vector<double>> squares_;  // by unit: the partial sums of this rank's part
  std::vector<double> totals_;                // by unit: their sum
  std::unique_ptr<StateKernels> kernels_;     // of sums and norms
  WeightUpdate weight_update_;                // of the other rules than adam
  std::array<Context, 2> contexts_;
  uint32_t steps_ = 0;
  uint64_t updates_ = 0;
  UpdateHold hold_;
};

}  // namespace strata::train
