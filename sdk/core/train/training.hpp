// A model in training: its weights and states in host memory or files, and the lanes of one device.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/run/loader.hpp"
#include "core/train/step_backend.hpp"
#include "core/train/table_exchange.hpp"
#include "core/train/whole_units.hpp"
#include "core/zero/executor.hpp"

namespace strata::train {

// The parts that training is made from; `model` and everything that `trainer` points to outlive it.
struct TrainingParts {
  const run::Model* model = nullptr;
  TrainingRequest request;
  TrainingPlan plan;
  OptimizerSettings optimizer;
  uint32_t threads = 1;                 // of the optimizer
  uint64_t seed = 0;                    // that new products are drawn from
  std::unique_ptr<tier::Tier> weights;  // holds them between their uses
  std::unique_ptr<tier::Tier> states;   // holds master weights and moments
  std::unique_ptr<tier::Tier> files;    // reads the checkpoint while loading; none: made-up weights
  TrainerOptions trainer;
  bool page_locked = true;  // the memory of the tier of the weights
  bool trace = false;
  device::Collective* collective = nullptr;                    // of a group; outlives the training
  std::function<void(uint64_t step, uint32_t unit)> progress;  // called before each unit; optional
  std::function<run::OpenCompute> open_compute;                // expands weights while loading
  std::function<OpenTrainer> open_trainer;
  // Opens the kernels of states on the device, with the trainer's stream; none: the device computes
  // in host memory.
  std::function<std::unique_ptr<StateKernels>(void* stream)> open_kernels;
  std::function<std::unique_ptr<device::Device>(uint32_t events)> open_device;
};

struct StepResult {
  Loss loss;
  double gradient_norm = 0;
  // false: a loss or gradient was not, and no weight was changed, but for those of the first
  // `updated` of the `units` that a step updates; 0 unless updates are early.
  bool finite = true;
  uint32_t updated = 0, units = 0;
};

// Used on one thread, which computes.
class Training {
 public:
  explicit Training(TrainingParts parts, const run::Progress& progress = {});
  ~Training();

  // One optimizer step over at most as many micro-batches as were planned. Its updates go on while
  // the caller prepares the next step.
  //
  // Several ranks call it together, with as many micro-batches each: number g of rank r stands for
  // number g * ranks + r of one rank. A micro-batch without ids takes part without tokens; the last
  // ones of a step may be so. `all_ids` are the ids of all ranks, at g * ranks + r, and last until
  // the next call; one rank leaves them out. The result is that of all ranks together.
  StepResult step(std::span<const MicroBatch> batches, const StepSettings& settings,
                  const StepNumbers& numbers,
                  std::span<const std::span<const int32_t>> all_ids = {});
  // The scaled loss of one micro-batch, without gradients; waits for all updates. Several ranks
  // call it together, each with a micro-batch of its own or one without ids, and get the sum.
  Loss score(const MicroBatch& batch, const StepSettings& settings);
  // The sums of a few numbers over all ranks, between steps; on one rank it changes nothing.
  void sum(std::span<double> values);
  // All values of a unit's master weights, also those of other ranks, until the next call; ranks
  // call it together, after finish(), for the same units in the same order.
  std::span<const float> whole_masters(uint32_t unit);
  // Waits until all updates are made: then host() holds the model.
  void finish();
  // The masters and moments as the last step leaves them, for a thread that reads them while later
  // steps go on. One at a time; it ends before this.
  std::unique_ptr<Snapshot> snapshot();

  // Null without a group.
  const device::Collective* collective() const { return parts_.collective; }
  const TrainingPlan& plan() const { return parts_.plan; }
  const TrainingRequest& request() const { return parts_.request; }
  const run::Model& model() const { return *parts_.model; }
  const HostUnits& host() const { return *host_; }
  HostOptimizer& optimizer() { return *optimizer_; }
  StepBytes moved() const;
  uint64_t loaded() const { return loaded_; }
  double load_seconds() const { return load_seconds_; }
  run::Compute::Held held() { return trainer_->held(); }
  // The measured timeline of all steps so far, after finish(): seconds of device::now().
  const std::deque<zero::Span>& trace() const { return trace_; }

 private:
  void open_states();
  void load(const run::Progress& progress);
  std::byte* target_of(uint32_t unit) const;
  void give_weights(uint32_t unit, std::span<std::byte> bytes) const;
  void add(Loss& loss);
  void begin_products();
  void clear_states();
  void open_reader();
  void open_rows();
  void open_experts();
  void open_exchange();
  void check_batches(std::span<const MicroBatch> batches) const;
  uint64_t row_gradient_bytes() const;
  // The device's events: of the two plans, of the experts, of the embedding's rows, of whole units,
  // of loading and of reading weights.
  struct Events {
    uint32_t step, scoring, experts, rows, whole, load, reader, all;
  };
  Events events() const;
  // See StepParts.
  bool reads_at_once() const { return parts_.request.separate_device && !parts_.page_locked; }

  // Each member is destroyed before those above it: the lanes copy from memory of the tiers.
  TrainingParts parts_;
  std::deque<zero::Span> trace_;
  std::unique_ptr<optim::Workers> workers_;
  std::unique_ptr<HostUnits> host_;
  std::unique_ptr<HostOptimizer> optimizer_;
  std::unique_ptr<device::Device> device_;
  std::byte* arena_ = nullptr;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<optim::Workers> device_workers_;  // of a device in host memory
  std::unique_ptr<StateKernels> kernels_;
  std::unique_ptr<DeviceStates> device_states_;  // where units have states on the device
  std::unique_ptr<run::Rows> rows_;
  std::unique_ptr<tier::Announced> announced_;
  std::unique_ptr<tier::Reader> reader_;   // of weights in files
  std::unique_ptr<TrainExperts> experts_;  // of a model with experts
  std::unique_ptr<StepBackend> stepping_, scoring_;
  std::unique_ptr<WholeUnits> whole_units_;
  std::unique_ptr<TableExchange> exchange_;  // where a group cuts the table
  std::unique_ptr<zero::Executor> step_, score_;
  zero::Wait known_;            // when a step's gradients are: its last reduction, or the norm
  uint32_t updated_units_ = 0;  // by a step
  uint64_t loaded_ = 0;
  double load_seconds_ = 0;
};

}  // namespace strata::train
