// A stand-in for the half of training that does arithmetic: it checks the frozen weights that it is
// given, and makes gradients of the products that the test knows.
#pragma once
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "core/train/trainer.hpp"
#include "tests/sdk/core/run/made_model.hpp"

namespace made {

struct Trained {
  std::uint64_t wrong = 0, experts = 0, rows = 0, expanded = 0;
  std::vector<std::string> calls;  // "use", "begin", "run NAME", "record NAME", "gradients", ...
  std::vector<std::vector<float>> used;  // the weights of each use_products
  float gradient = 0;  // that each weight of the products gets, times 1 + the micro-batch's number
};

class CheckingTrainer final : public strata::train::Trainer {
 public:
  CheckingTrainer(const MadeModel& model, Trained& seen) : model_(model), seen_(seen) {}

  void* stream() override { return nullptr; }
  void use(strata::run::Experts& experts) override { experts_ = &experts; }
  void begin(const strata::train::MicroBatch& batch, const strata::train::StepSettings&) override {
    seen_.calls.emplace_back("begin");
    ids_.assign(batch.ids.begin(), batch.ids.end());
    given_ = false;
    ++begun_;
  }
  void expand(const strata::zero::Unit&, const std::byte*, std::byte*) override {
    ++seen_.expanded;
  }
  void rows(const strata::zero::Weight& form, const std::byte* rows, bool stored) override {
    std::string expected;
    for (const auto id : ids_) expected += model_.rows(form.name, form.shape[1], id, 1, stored);
    check(rows, expected);
    seen_.rows += ids_.size();
    given_ = true;
  }
  void table(const strata::zero::Weight&, const std::byte*) override { ++seen_.wrong; }
  void run(const strata::zero::Unit& unit, const std::byte* weights, std::byte*) override {
    seen_.calls.push_back("run " + unit.name);
    check_unit(unit, weights);
  }
  void keep_output(std::byte*) override {}
  void rerun(const strata::zero::Unit& unit, const strata::train::Flat& flat,
             const std::byte* weights, const std::byte*, std::byte* gradients) override {
    seen_.calls.push_back("rerun " + unit.name);
    if (gradients || !flat.pieces.empty()) ++seen_.wrong;
    recording_ = true;
    check_unit(unit, weights);
    recording_ = false;
  }
  void record(const strata::zero::Unit& unit, const strata::train::Flat& flat,
              const std::byte* weights) override {
    seen_.calls.push_back("record " + unit.name);
    if (!flat.pieces.empty()) ++seen_.wrong;
    recorded_.push_back(&unit);
    check_unit(unit, weights);
  }
  void backward(const strata::zero::Unit& unit, const std::byte* weights,
                std::byte* gradients) override {
    seen_.calls.push_back("backward " + unit.name);
    // The graphs are used up from the last one to the first.
    if (gradients || recorded_.empty() || recorded_.back() != &unit) ++seen_.wrong;
    if (!recorded_.empty()) recorded_.pop_back();
    recording_ = true;
    check_unit(unit, weights);
    recording_ = false;
  }
  void use_products(const strata::zero::Unit& unit, const std::byte* weights) override {
    seen_.calls.emplace_back("use");
    std::vector<float> values(unit.run_bytes / sizeof(float));
    std::memcpy(values.data(), weights, unit.run_bytes);
    seen_.used.push_back(std::move(values));
  }
  void product_gradients(const strata::train::Flat& flat, std::byte* gradients) override {
    seen_.calls.emplace_back("gradients");
    std::vector<float> values(flat.elements, 0);
    for (const auto& piece : flat.pieces)
      std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(piece.first), piece.count,
                  seen_.gradient * static_cast<float>(begun_));
    std::memcpy(gradients, values.data(), values.size() * sizeof(float));
  }
  void no_gradients(std::byte* gradients, std::uint64_t bytes) override {
    std::memset(gradients, 0, bytes);
  }
  void score(const strata::zero::Unit& head, const std::byte* weights) override {
    seen_.calls.push_back("score " + head.name);
    check_unit(head, weights);
  }
  strata::train::Loss loss() override { return {.tokens = 1}; }
  strata::run::Compute::Held held() override { return {}; }
  // Micro-batches are counted from here.
  void begin_step() { begun_ = 0; }

 private:
  void check(const std::byte* there, const std::string& expected) {
    if (std::memcmp(there, expected.data(), expected.size()) != 0) ++seen_.wrong;
  }
  void check_weights(const strata::zero::Unit& unit, const std::byte* weights) {
    for (const auto& weight : unit.weights) {
      if (!weight.is_held()) continue;
      const auto width = weight.shape.size() == 1 ? 1 : weight.shape[1];
      check(weights + weight.run.at, model_.rows(weight.name, width, 0, weight.shape[0], false));
    }
  }
  void check_unit(const strata::zero::Unit& unit, const std::byte* weights) {
    if (unit.kind == STRATA_UNIT_EMBEDDING && !given_) ++seen_.wrong;
    check_weights(unit, weights);
    std::uint32_t all = 0;
    for (const auto& weight : model_.model.family->units()[unit.declared].weights)
      all = std::max(all, weight.experts);
    std::vector<std::uint32_t> chosen;
    for (std::uint32_t e = all % 2; e < all; e += 2) chosen.push_back(e);
    if (chosen.empty()) return;
    experts_->need(unit.declared, chosen);
    for (const auto e : chosen) {
      const auto [form, at] = experts_->take();
      if (form->expert != e || form->declared != unit.declared) ++seen_.wrong;
      check_weights(*form, at);
      if (recording_ && experts_->gradients()) ++seen_.wrong;
      ++seen_.experts;
    }
  }

  const MadeModel& model_;
  Trained& seen_;
  strata::run::Experts* experts_ = nullptr;
  std::vector<std::int32_t> ids_;
  std::vector<const strata::zero::Unit*> recorded_;  // units whose graphs are kept
  std::uint32_t begun_ = 0;
  bool given_ = false, recording_ = false;
};

}  // namespace made
