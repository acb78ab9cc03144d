// train::Trainer over LibTorch.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "core/train/trainer.hpp"
#include "torch/compute/units.hpp"
#include "torch/train/deterministic.hpp"
#include "torch/train/graphs.hpp"
#include "torch/train/head_loss.hpp"
#include "torch/train/pair_loss.hpp"
#include "torch/train/products.hpp"

namespace strata::torch {

class TorchTrainer final : public train::Trainer {
 public:
  explicit TorchTrainer(train::TrainerOptions options);

  void* stream() override;
  void use(run::Experts& experts) override { units_.shared().experts = &experts; }
  void begin(const train::MicroBatch& batch, const train::StepSettings& step) override;
  void expand(const zero::Unit& unit, const std::byte* stored, std::byte* run) override {
    units_.expand(unit, stored, run);
  }
  void rows(const zero::Weight& form, const std::byte* rows, bool stored) override {
    units_.rows(form, rows, stored);
  }
  void table(const zero::Weight& form, const std::byte* table) override {
    units_.table(form, table);
  }
  void run(const zero::Unit& unit, const std::byte* weights, std::byte* input) override;
  void keep_output(std::byte* input) override;
  void rerun(const zero::Unit& unit, const train::Flat& flat, const std::byte* weights,
             const std::byte* input, std::byte* gradients) override;
  void record(const zero::Unit& unit, const train::Flat& flat, const std::byte* weights) override;
  void backward(const zero::Unit& unit, const std::byte* weights, std::byte* gradients) override;
  void use_products(const zero::Unit& unit, const std::byte* weights) override;
  void product_gradients(const train::Flat& flat, std::byte* gradients) override;
  void no_gradients(std::byte* gradients, uint64_t bytes) override;
  void score(const zero::Unit& head, const std::byte* weights) override;
  train::Loss loss() override;
  run::Compute::Held held() override { return units_.held(); }
  void warm_up() override { units_.warm_up(); }

 private:
  const Place& on() const { return units_.main(); }
  at::Tensor& hidden(const zero::Unit& unit);
  void keep(std::byte* input);
  // Starts the backward of a recorded unit and takes the gradients of its leaves.
  void differentiate(const at::Tensor& y, const at::Tensor& gradient, const UnitWeights& leaves,
                     Recorded& recorded);
  void rerun_body(const zero::Unit& unit, const UnitWeights& leaves, const std::byte* input,
                  Recorded& recorded);
  void rerun_head(const zero::Unit& head, const UnitWeights& leaves, const at::Tensor& input,
                  Recorded& recorded);
  void rerun_critic(const zero::Unit& head, const UnitWeights& leaves, const at::Tensor& input,
                    Recorded& recorded);
  // The loss of the pairs, which is added to the micro-batch's.
  PairLoss compare_pairs(const zero::Unit& head, const UnitWeights& weights,
                         const at::Tensor& input);
  void check_head(const zero::Unit& head) const;
  // Calls f(first, rows) for some of these tokens at a time, as by_rows.
  template <class F>
  void by_tokens(std::span<const int64_t> tokens, F&& f);
  // Calls f(first, count, rows, goals) for some scored tokens at a time: `rows` are their indices
  // on the device.
  template <class F>
  void by_rows(F&& f);
  void add_loss(const at::Tensor& sum);

  train::TrainerOptions options_;
  Deterministic deterministic_;
  Units units_;
  Training training_;
  TrainedProducts products_;
  Graphs graphs_;

  // The state of the micro-batch.
  train::StepSettings step_;
  std::vector<int64_t> scored_, targets_;  // the scored tokens, ascending, and what they predict
  std::vector<float> weights_;
  PairTokens pairs_;     // of a critic: no token is scored then
  at::Tensor hidden_;    // [T,D]: the output of the unit that ran last
  at::Tensor gradient_;  // [T,D]: of the output of the unit whose backward is next
  int64_t width_ = 0;    // D
  at::Tensor loss_;      // float64, before it is scaled
  at::Tensor right_;     // int64: of the pairs
};

}  // namespace strata::torch
