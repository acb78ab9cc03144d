// A stand-in for the half that does arithmetic: it checks every byte that it is given instead.
#pragma once
#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <random>

#include "core/error.hpp"
#include "core/run/compute.hpp"
#include "tests/sdk/core/run/made_model.hpp"

namespace made {

struct Seen {
  std::uint64_t runs = 0, expanded = 0, wrong = 0, rows = 0, experts = 0, resets = 0;
  std::int64_t fail_at = -1;  // this run throws
  // Whether a layer chooses that expert; if empty, two of three are chosen, different ones in each
  // pass.
  std::function<bool(std::uint32_t expert)> chooses{};
  // Called with each pass's batch, to fill the logits of its wanted rows; if empty, they are all 0.
  std::function<void(const strata::run::Batch&, std::span<float> logits)> score{};
};

class CheckingCompute : public strata::run::Compute {
 public:
  CheckingCompute(const MadeModel& model, Seen& seen) : model_(model), seen_(seen) {}

  void* stream(uint32_t) override { return nullptr; }
  void use(strata::run::Experts& experts) override { experts_ = &experts; }
  void begin(const strata::run::Batch& batch) override {
    ids_ = batch.ids;
    logits_.assign(batch.wanted.size() * model_.model.family->units().front().weights[0].shape[0],
                   0.0F);
    if (seen_.score) seen_.score(batch, logits_);
    given_ = false;
  }
  void expand(const strata::zero::Unit& unit, const std::byte* stored, std::byte* run) override {
    for (const auto& weight : unit.weights) {
      if (!weight.is_held()) continue;
      const auto form = model_.shared.contains(weight.name) ? model_.shared.at(weight.name)
                                                            : of(unit, weight, true);
      check({bytes(stored + weight.source.stored.at), weight.source.stored.bytes}, form);
      const auto made = of(unit, weight, false);
      std::memcpy(run + weight.run.at, made.data(), made.size());
    }
    ++seen_.expanded;
  }
  void rows(const strata::zero::Weight& form, const std::byte* rows, bool stored) override {
    std::string expected;
    for (const auto id : ids_) expected += model_.rows(form.name, form.shape[1], id, 1, stored);
    check({bytes(rows), expected.size()}, expected);
    seen_.rows += ids_.size();
    given_ = true;
  }
  void table(const strata::zero::Weight& form, const std::byte* table) override {
    const auto expected = model_.rows(form.name, form.shape[1], 0, form.shape[0], false);
    check({bytes(table), expected.size()}, expected);
    given_ = true;
  }
  void run(const strata::zero::Unit& unit, const std::byte* weights, uint32_t) override {
    if (static_cast<std::int64_t>(seen_.runs++) == seen_.fail_at)
      throw strata::Error("compute", "it cannot run " + unit.name, "");
    for (const auto& weight : unit.weights) {
      if (!weight.is_held()) {
        if (!given_) ++seen_.wrong;
        continue;
      }
      check_run(unit, weight, weights);
    }
    choose(unit.declared);
  }
  std::span<const float> logits() override { return logits_; }
  void reset() override { ++seen_.resets; }
  Held held() override { return {}; }

 private:
  static const char* bytes(const std::byte* at) { return reinterpret_cast<const char*>(at); }

  std::string of(const strata::zero::Unit& unit, const strata::zero::Weight& weight,
                 bool stored) const {
    const bool tile = weight.role == STRATA_HEAD;
    const auto width = weight.shape.size() == 1 ? 1 : weight.shape[1];
    return model_.rows(weight.name, width, tile ? unit.first_row : 0, weight.shape[0], stored);
  }
  void check_run(const strata::zero::Unit& unit, const strata::zero::Weight& weight,
                 const std::byte* weights) {
    const auto expected = of(unit, weight, false);
    check({bytes(weights + weight.run.at), expected.size()}, expected);
  }
  // Chooses some of the unit's experts, different ones in each pass.
  void choose(uint32_t declared) {
    uint32_t all = 0;
    for (const auto& weight : model_.model.family->units()[declared].weights)
      all = std::max(all, weight.experts);
    if (all == 0) return;
    std::vector<uint32_t> chosen;
    for (uint32_t e = 0; e < all; ++e)
      if (seen_.chooses ? seen_.chooses(e) : random_() % 3 != 0) chosen.push_back(e);
    experts_->need(declared, chosen);
    for (const auto e : chosen) {
      const auto [form, weights] = experts_->take();
      if (form->expert != e || form->declared != declared) ++seen_.wrong;
      for (const auto& weight : form->weights)
        if (weight.is_held()) check_run(*form, weight, weights);
      ++seen_.experts;
    }
  }
  void check(std::string_view there, const std::string& expected) {
    if (there != expected) ++seen_.wrong;
  }

  const MadeModel& model_;
  Seen& seen_;
  std::span<const int32_t> ids_;
  std::vector<float> logits_;
  std::mt19937 random_{1};
  strata::run::Experts* experts_ = nullptr;
  bool given_ = false;
};

}  // namespace made
