// A stand-in for the half of training that does arithmetic: its gradients are small whole numbers
// that follow from the tokens, so that no sum of them is rounded, and it notes the weights that it
// is given.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "core/dtype.hpp"
#include "core/run/model.hpp"
#include "core/train/trainer.hpp"

namespace made {

// The weights that the units of a step were run with, by the unit's name, and the rows of the
// embedding, by "row ID".
using UsedWeights = std::map<std::string, std::vector<float>>;

struct Numbered {
  std::vector<UsedWeights> steps;  // of each step; the last one is under way
  std::uint64_t changed = 0;       // units whose weights changed within a step
  std::uint64_t experts = 0;       // that were run
};

class NumberedTrainer final : public strata::train::Trainer {
 public:
  // `reduce` is the dtype of the gradients, `dtype` that of the weights: float32 or bfloat16.
  NumberedTrainer(const strata::run::Model& model, strata_dtype dtype, strata_dtype reduce,
                  Numbered& seen)
      : model_(model), dtype_(dtype), reduce_(reduce), seen_(seen) {}

  void* stream() override { return nullptr; }
  void use(strata::run::Experts& experts) override { experts_ = &experts; }
  void begin(const strata::train::MicroBatch& batch,
             const strata::train::StepSettings& step) override {
    ids_.assign(batch.ids.begin(), batch.ids.end());
    loss_ = {.tokens = number() * step.scale,
             .routers = ids_.empty() ? 0 : 0.5,
             .right = static_cast<std::int64_t>(ids_.size())};
  }
  void expand(const strata::zero::Unit&, const std::byte*, std::byte*) override {}
  void rows(const strata::zero::Weight& form, const std::byte* rows, bool) override {
    const auto row = static_cast<std::uint64_t>(form.shape.at(1)) * strata::element_bytes(dtype_);
    for (std::size_t t = 0; t < ids_.size(); ++t) {
      std::vector<float> values;
      append(values, rows + t * row, row);
      keep("row " + std::to_string(ids_[t]), std::move(values));
    }
  }
  void table(const strata::zero::Weight&, const std::byte*) override {}
  void run(const strata::zero::Unit& unit, const std::byte* weights, std::byte*) override {
    use_unit(unit, weights, false);
  }
  void keep_output(std::byte*) override {}
  void rerun(const strata::zero::Unit& unit, const strata::train::Flat& flat,
             const std::byte* weights, const std::byte*, std::byte* gradients) override {
    use_unit(unit, weights, true);
    write(unit, flat, gradients);
  }
  void no_gradients(std::byte* gradients, std::uint64_t bytes) override {
    std::memset(gradients, 0, bytes);
  }
  void record(const strata::zero::Unit& unit, const strata::train::Flat& flat,
              const std::byte* weights) override {
    recorded_[unit.name] = &flat;
    use_unit(unit, weights, false);
  }
  void backward(const strata::zero::Unit& unit, const std::byte* weights,
                std::byte* gradients) override {
    use_unit(unit, weights, true);
    write(unit, *recorded_.at(unit.name), gradients);
  }
  void use_products(const strata::zero::Unit&, const std::byte*) override {}
  void product_gradients(const strata::train::Flat&, std::byte*) override {}
  void score(const strata::zero::Unit& head, const std::byte* weights) override {
    use_unit(head, weights, false);
  }
  strata::train::Loss loss() override { return loss_; }
  strata::run::Compute::Held held() override { return {}; }

  void begin_step() { seen_.steps.emplace_back(); }

 private:
  // A number of the micro-batch's tokens; 0 without any.
  double number() const {
    return std::accumulate(ids_.begin(), ids_.end(), static_cast<double>(ids_.size()));
  }

  void put(std::byte* to, std::uint64_t element, float value) const {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto each = strata::element_bytes(reduce_);  // bfloat16 is the upper half
    std::memcpy(to + element * each, reinterpret_cast<const std::byte*>(&bits) + sizeof bits - each,
                each);
  }
  // From -4 to 4.
  static float whole(std::uint64_t seed) { return static_cast<float>(seed % 9) - 4; }

  void write(const strata::zero::Unit& unit, const strata::train::Flat& flat,
             std::byte* gradients) const {
    for (std::uint64_t i = 0; i < flat.elements; ++i) put(gradients, i, 0);
    if (ids_.empty()) return;
    const auto seed =
        static_cast<std::uint64_t>(number()) * 3 + unit.declared + unit.weights.size();
    for (const auto& piece : flat.pieces)
      for (auto i = piece.first; i < piece.first + piece.count; ++i)
        put(gradients, i, whole(i * 7 + seed));
    for (std::uint64_t t = 0; t < ids_.size(); ++t)
      for (std::uint64_t c = 0; c < flat.row_width; ++c)
        put(gradients, flat.rows + t * flat.row_width + c,
            whole(static_cast<std::uint64_t>(ids_[t]) * 5 + c + t));
  }

  // Adds numbers of the weights' dtype; those that are none become alike.
  void append(std::vector<float>& values, const std::byte* from, std::uint64_t bytes) const {
    const auto each = strata::element_bytes(dtype_);
    for (std::uint64_t at = 0; at < bytes; at += each) {
      std::uint32_t bits = 0;
      std::memcpy(reinterpret_cast<std::byte*>(&bits) + sizeof bits - each, from + at, each);
      const auto value = std::bit_cast<float>(bits);
      values.push_back(std::isnan(value) ? -0.5F : value);
    }
  }
  void keep(const std::string& name, std::vector<float> values) {
    const auto [there, added] = seen_.steps.back().emplace(name, values);
    if (!added && there->second != values) ++seen_.changed;
  }
  void note(const strata::zero::Unit& unit, const std::byte* weights) {
    std::vector<float> values;
    for (const auto& weight : unit.weights)
      if (weight.is_held()) append(values, weights + weight.run.at, weight.run.bytes);
    keep(unit.name, std::move(values));
  }

  // The layer's experts follow from the tokens: a micro-batch without any needs none.
  void use_unit(const strata::zero::Unit& unit, const std::byte* weights, bool backward) {
    note(unit, weights);
    std::uint32_t all = 0;
    for (const auto& weight : model_.family->units()[unit.declared].weights)
      all = std::max(all, weight.experts);
    if (all == 0) return;
    std::vector<std::uint32_t> chosen;
    for (std::uint32_t e = 0; e < all && !ids_.empty(); ++e)
      if ((e + static_cast<std::uint32_t>(number())) % 3 != 0) chosen.push_back(e);
    experts_->need(unit.declared, chosen);
    for (std::size_t taken = 0; taken < chosen.size(); ++taken) {
      const auto [form, at] = experts_->take();
      note(*form, at);
      ++seen_.experts;
      if (!backward) continue;
      if (auto* gradients = experts_->gradients())
        write(*form, strata::train::flat_of(*form), gradients);
    }
  }

  const strata::run::Model& model_;
  strata_dtype dtype_, reduce_;
  Numbered& seen_;
  strata::run::Experts* experts_ = nullptr;
  std::vector<std::int32_t> ids_;
  strata::train::Loss loss_;
  std::map<std::string, const strata::train::Flat*> recorded_;  // by the unit's name
};

}  // namespace made
