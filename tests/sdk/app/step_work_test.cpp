#include "app/finetune/step_work.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "core/dtype.hpp"
#include "tests/sdk/core/train/made_unit.hpp"

using namespace strata;
using train::StepUnit;

namespace {

constexpr strata_dtype f32{STRATA_FLOAT, 32, 1}, bf16{STRATA_BFLOAT, 16, 1};
constexpr uint64_t elements = 192;  // of a unit
constexpr int64_t tokens = 32;
constexpr double flops = 1000;   // of a unit's run
constexpr uint64_t input = 256;  // bytes of a kept input
constexpr double size = elements, input_size = input;

zero::Unit unit_of(uint32_t kind, uint32_t expert = zero::no_expert) {
  auto unit = made::unit_of({{3, elements / 3}});
  unit.name = "unit";
  unit.kind = kind;
  unit.expert = expert;
  return unit;
}

// Two units and a head, with experts behind the second unit if there are any.
struct Model {
  train::TrainingRequest request;
  train::TrainingPlan plan;

  Model(uint32_t micro_batches, strata_dtype reduce, bool inputs_in_tier, uint32_t experts = 0,
        bool graphs = false) {
    plan.keeps_graphs = graphs;
    request.reduce = reduce;
    request.tokens = tokens;
    request.micro_batches = micro_batches;
    plan.units = {unit_of(STRATA_UNIT_BODY), unit_of(STRATA_UNIT_BODY)};
    for (uint32_t e = 0; e < experts; ++e) plan.units.push_back(unit_of(STRATA_UNIT_BODY, e));
    plan.units.push_back(unit_of(STRATA_UNIT_HEAD));
    std::vector<StepUnit> units;
    for (const auto& unit : plan.units) {
      plan.flats.push_back(train::flat_of(unit));
      plan.flops.push_back(unit.is_expert() ? 0 : flops);
      plan.top_k.push_back(0);
      StepUnit one{.run = unit.run_bytes, .trained = true};
      if (unit.is_expert()) one.part = StepUnit::Part::expert;
      if (unit.kind == STRATA_UNIT_HEAD) one.part = StepUnit::Part::head;
      if (!unit.is_expert()) {
        const bool keeps = !graphs || unit.kind == STRATA_UNIT_HEAD;
        one.input = keeps ? input : 0;
        one.gradient = elements * element_bytes(reduce);
        one.staged = !same(reduce, train::held_gradient(request, false));
      }
      units.push_back(one);
    }
    plan.step = zero::plan_uses(
        train::step_uses(units, train::no_table,
                         {.micro_batches = micro_batches, .inputs_in_tier = inputs_in_tier}),
        plan.units, {}, 1 << 20, zero::Mode::step);
  }

  training_log::StepWork work(double all) const { return app::step_work(plan, request, all, true); }
};

}  // namespace

TEST_CASE("a step's work has what its plan moves and computes", "[app][finetune]") {
  const Model model(1, f32, true);
  const auto work = model.work(tokens);
  CHECK(work.clipping);
  CHECK(work.forward.flops == 2 * flops);  // the head has no forward of its own
  CHECK(work.backward.flops == 3 * 3 * flops);
  CHECK(work.forward.to_device + work.backward.to_device ==
        static_cast<double>(model.plan.step.moved));
  CHECK(work.forward.to_host == 2 * input_size);
  CHECK(work.backward.to_host == 3 * 4 * size);
  CHECK(work.backward.host_memory == 3 * 4 * size);  // read once for the norm
  CHECK(work.update.host_memory == 3 * 28 * size);
  CHECK(work.update.to_device == 0);
}

TEST_CASE("a step of half the tokens computes and stores half", "[app][finetune]") {
  const Model model(1, f32, true);
  const auto whole = model.work(tokens), half = model.work(tokens / 2.0);
  CHECK(half.backward.flops == whole.backward.flops / 2);
  CHECK(half.forward.to_host == whole.forward.to_host / 2);
  CHECK(half.backward.to_host == whole.backward.to_host);
}

TEST_CASE("gradients of several micro-batches are added in float32 on the host",
          "[app][finetune]") {
  CHECK(Model(2, f32, false).work(2 * tokens).backward.host_memory ==
        3 * (0 + (4 + 4 + 4) + 4) * size);
  CHECK(Model(2, bf16, false).work(2 * tokens).backward.host_memory ==
        3 * ((2 + 4) + (2 + 4 + 4) + 4) * size);
}

TEST_CASE("gradients of one micro-batch are read as they arrived", "[app][finetune]") {
  const auto work = Model(1, bf16, false).work(tokens);
  CHECK(work.backward.host_memory == 3 * 2 * size);
  CHECK(work.update.host_memory == 3 * 26 * size);
}

TEST_CASE("experts are counted by the chance that a token chooses them", "[app][finetune]") {
  Model model(1, f32, false, 4);
  const auto none = model.work(tokens);
  model.plan.top_k[1] = 4;  // every token chooses all
  const auto all = model.work(tokens);
  const double bytes = 4 * size;
  CHECK(all.forward.to_device == none.forward.to_device + 4 * bytes);
  CHECK(all.backward.to_device == none.backward.to_device + 4 * bytes);
  CHECK(all.backward.to_host == none.backward.to_host + 4 * bytes);
  CHECK(all.update.host_memory == none.update.host_memory + 4 * bytes);
  model.plan.top_k[1] = 1;
  const auto one = model.work(1);
  CHECK(one.forward.to_device == Approx(none.forward.to_device + bytes));
  model.plan.experts.count = 4;  // all stay on the device
  CHECK(model.work(1).backward.to_device == none.backward.to_device);
}

TEST_CASE("a rank moves and updates its part of the units that are cut", "[app][finetune]") {
  Model model(1, f32, true);
  const auto alone = model.work(tokens);
  model.request.ranks = 2;
  model.plan.shares.assign(model.plan.units.size(), train::Share{.whole = false});
  const auto cut = model.work(tokens);
  CHECK(cut.forward.flops == alone.forward.flops);  // of its own tokens
  CHECK(cut.backward.to_host == alone.backward.to_host / 2);
  CHECK(cut.backward.host_memory == alone.backward.host_memory / 2);
  CHECK(cut.update.host_memory == alone.update.host_memory / 2);
  CHECK(cut.forward.to_host == alone.forward.to_host);  // its own inputs
  model.plan.shares.front().whole = true;
  CHECK(model.work(tokens).update.host_memory == (28 + 14 + 14) * size);
  model.plan.shares.assign(model.plan.units.size(), train::Share{});
  CHECK(model.work(tokens).backward.to_host == alone.backward.to_host);
}

TEST_CASE("an expert that any rank chose moves on all of them", "[app][finetune]") {
  Model model(1, f32, false, 4);
  model.plan.top_k[1] = 1;
  const auto none = model.work(0).forward.to_device;
  model.request.ranks = 2;
  model.plan.shares.assign(model.plan.units.size(), train::Share{});
  const double chosen = 1 - std::pow(0.75, 2);  // by one of two tokens
  CHECK(model.work(1).forward.to_device == Approx(none + 4 * chosen * 4 * size));
}

TEST_CASE("with graphs the backward runs the head and the experts alone", "[app][finetune]") {
  Model model(1, f32, true, 4, true);
  const auto plain = model.work(tokens);
  CHECK(plain.forward.flops == 2 * flops);
  CHECK(plain.backward.flops == (2 + 2 + 3) * flops);
  CHECK(plain.forward.to_host == 0);  // no inputs
  model.plan.top_k[1] = 4;
  CHECK(model.work(tokens).backward.flops == (2 + 3 + 3) * flops);
}
