// The half of training that does arithmetic, as the core sees it: libstrata-torch implements it.
#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "core/run/compute.hpp"
#include "core/train/flat.hpp"
#include "core/train/products.hpp"

namespace strata::train {

// Two sequences of a micro-batch whose rewards a critic compares, token by token. The numbers are
// indices of tokens in the micro-batch.
struct ComparedPair {
  int64_t chosen = 0, rejected = 0;  // the first tokens that are compared
  int64_t count = 0;                 // of the compared tokens of each, at least 1
  // The tokens whose rewards are those of the whole sequences, for the accuracy.
  int64_t chosen_end = 0, rejected_end = 0;
};

// The packed tokens of one micro-batch: the sequences one after the other, each with its own
// positions and attention from 0. Only pairs have padding.
struct MicroBatch {
  std::span<const int32_t> ids;              // [T]
  std::span<const run::Sequence> sequences;  // in the order of ids; `first` is 0
  // By sequence: the number of its row in the whole data, from which dropout is drawn.
  std::span<const uint64_t> rows;
  std::span<const int64_t> targets;  // [T]: the id that each token predicts; below 0: not scored
  std::span<const float> weights;    // [T]: of each token's loss
  // Pairs make the loss where there are any: the model is a critic, and no token has a target.
  std::span<const ComparedPair> pairs{};
};

// The settings of one optimizer step, the same for all of its micro-batches.
struct StepSettings {
  uint64_t seed = 0, step = 0;  // of dropout
  // The loss is the sum over tokens of weight * cross entropy * scale: 1 / the sum of weights of
  // the whole step, over all micro-batches and ranks. With pairs it is the sum over pairs of the
  // mean of -log sigmoid(chosen reward - rejected reward) over the compared tokens, times scale: 1
  // / the pairs of the whole step.
  double scale = 1;
  double label_smoothing = 0;
  double loss_scale = 1;    // multiplies the gradients, not the loss that is reported
  double router_share = 1;  // of this micro-batch in the step's router losses
  bool training = true;     // false: validation, in which nothing is dropped
};

// The sums over a micro-batch's losses, scaled.
struct Loss {
  double tokens = 0;   // the loss of the tokens, or of the pairs
  double routers = 0;  // the auxiliary losses of mixture layers, with their coefficient
  int64_t right = 0;   // pairs whose chosen sequence has the higher reward
};

struct TrainerOptions {
  run::ComputeOptions compute;               // its `kv` is empty: a row sees its own keys
  strata_dtype reduce{STRATA_FLOAT, 32, 1};  // of gradients
  int64_t loss_rows = 1024;                  // tokens whose logits exist at a time
  bool deterministic = false;                // only kernels that give the same bits in every run
  // The weight of mixture layers' auxiliary loss: router_aux_loss_coef where the configuration sets
  // output_router_logits; 0: none.
  double router_coefficient = 0;
  Products products{};  // beside frozen weights
};

// Trains unit by unit. One micro-batch: begin; run each unit but the head, from the first to the
// last; rerun each unit from the head to the first, whose rerun also computes the loss. Or all
// units but the head are recorded instead of run, and have a backward instead of a rerun. All calls
// are on one thread, the only one that calls ATen, and enqueue device work in order on stream().
// Pointers are memory of device 0.
class Trainer : public run::RowSink {
 public:
  virtual void* stream() = 0;  // cudaStream_t; null on a CPU

  // Sets the experts, which outlive every later run.
  virtual void use(run::Experts& experts) = 0;

  virtual void begin(const MicroBatch& batch, const StepSettings& step) = 0;
  // As Compute::expand: the stored form of a frozen weight.
  virtual void expand(const zero::Unit& unit, const std::byte* stored, std::byte* run) = 0;

  // Runs a unit. `input` has room for the unit's input [T,D] in the run dtype, and is filled with
  // it; null for the embedding, and where no rerun follows.
  virtual void run(const zero::Unit& unit, const std::byte* weights, std::byte* input) = 0;
  // The output of the last unit but the head is kept in `input` as the head's input, and given up.
  virtual void keep_output(std::byte* input) = 0;

  // Reruns a unit on its kept input with recording, starts from the gradient of its output, and
  // writes the gradients of its weights to `gradients`, which has the places of `flat` in the
  // reduce dtype (with the rows' gradient, of an embedding). Weights that are not used get zeros,
  // and so do the gaps. The head is one unit; it computes logits, loss and gradients a few rows at
  // a time. A null `gradients` leaves the weights frozen.
  virtual void rerun(const zero::Unit& unit, const Flat& flat, const std::byte* weights,
                     const std::byte* input, std::byte* gradients) = 0;
  // Runs a unit that is not the head with recording, and keeps its graph until its backward. The
  // weights may leave `weights` behind this call. A `flat` without places leaves them frozen.
  virtual void record(const zero::Unit& unit, const Flat& flat, const std::byte* weights) = 0;
  // The backward of a recorded unit: its gradients are those of a rerun, bit for bit, but nothing
  // of the unit is run again except the experts of a mixture layer. `weights` has the values that
  // it had when the unit was recorded; the place may be another one.
  virtual void backward(const zero::Unit& unit, const std::byte* weights, std::byte* gradients) = 0;
  // Sets the weights of all products, whose unit has them at `weights` until the next call. Runs,
  // reruns and scores add the products from now on.
  virtual void use_products(const zero::Unit& unit, const std::byte* weights) = 0;
  // Writes the gradients of the products' weights, which are the sums over all reruns since begin,
  // to `gradients` as rerun does.
  virtual void product_gradients(const Flat& flat, std::byte* gradients) = 0;

  // Writes `bytes` zeros, the gradients of a micro-batch without tokens.
  virtual void no_gradients(std::byte* gradients, uint64_t bytes) = 0;

  // As the rerun of the head on the last unit's output, but only its loss: for validation, instead
  // of keep_output and all reruns.
  virtual void score(const zero::Unit& head, const std::byte* weights) = 0;

  // Returns the losses of the micro-batch; waits for the device.
  virtual Loss loss() = 0;

  virtual run::Compute::Held held() = 0;
  virtual void warm_up() {}
};

// Exported by libstrata-torch under the name "strata_open_trainer".
using OpenTrainer = std::unique_ptr<Trainer>(const TrainerOptions&);

}  // namespace strata::train
