#include "core/train/experts.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "core/device/cpu_device.hpp"
#include "core/dtype.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"
#include "tests/sdk/core/train/made_unit.hpp"

using namespace strata;
using namespace strata::train;
using device::Lane;

namespace {

constexpr uint32_t count = 4;       // experts
constexpr uint64_t elements = 192;  // of a unit
constexpr strata_dtype f32{STRATA_FLOAT, 32, 1}, bf16{STRATA_BFLOAT, 16, 1};

zero::Unit unit_of(uint32_t expert) {
  auto unit = made::unit_of({{3, elements / 3}});
  unit.name = expert == zero::no_expert ? "layer" : "expert " + std::to_string(expert);
  unit.expert = expert;
  return unit;
}

// Two micro-batches, or one, of one mixture layer, whose experts' elements are all 1 + the expert's
// number.
struct Layer {
  made::Opener opener;
  TrainingRequest request;
  TrainingPlan plan;
  std::unique_ptr<tier::Tier> weights = opener.open<made::MemoryTier>(),
                              states = opener.open<made::MemoryTier>();
  std::unique_ptr<device::CpuDevice> device;
  std::unique_ptr<HostUnits> host;
  optim::Workers workers{2};
  OptimizerSettings settings{.weight_decay = 0.5};
  std::unique_ptr<HostOptimizer> optimizer;
  std::vector<std::byte> arena;
  std::unique_ptr<TrainExperts> experts;
  std::vector<std::pair<Lane, uint32_t>> waits;  // for updates, in order
  std::vector<int32_t> ids{1};

  explicit Layer(uint32_t slots = 2, strata_dtype reduce = f32, uint32_t micro_batches = 2) {
    request.micro_batches = micro_batches;
    request.reduce = reduce;
    plan.units.push_back(unit_of(zero::no_expert));
    for (uint32_t e = 0; e < count; ++e) plan.units.push_back(unit_of(e));
    std::vector<StepUnit> step;
    for (const auto& unit : plan.units) {
      plan.flats.push_back(flat_of(unit));
      const bool expert = unit.is_expert();
      step.push_back({.part = expert ? StepUnit::Part::expert : StepUnit::Part::body,
                      .run = unit.run_bytes,
                      .gradient = expert ? 0 : elements * element_bytes(reduce),
                      .trained = true,
                      .staged = !same(reduce, held_gradient(request, false))});
    }
    plan.step = zero::plan_uses(step_uses(step, no_table, {.micro_batches = micro_batches}),
                                plan.units, {}, 1 << 20, zero::Mode::step);
    plan.placement.assign(plan.units.size(), {.tier = 0});
    plan.experts = {.offset = 4096, .bytes = 8192, .gradient = 4096, .count = slots};
    plan.weight_bytes = plan.units.size() * 4096;
    plan.largest_gradient = 4096;
    plan.gradient_bytes = plan.weight_bytes + (gradient_stagings + expert_stagings) * 4096;
    device = std::make_unique<device::CpuDevice>(TrainExperts::events(plan) + 1);
    host = std::make_unique<HostUnits>(plan, request, *weights, *states, *device);
    for (uint32_t u = 0; u < plan.units.size(); ++u) {
      const auto& unit = (*host)[u];
      for (auto* array : {unit.master, unit.moment1, unit.moment2})
        std::fill_n(array, elements, static_cast<float>(u));
      // As an earlier step has left it.
      std::fill_n(reinterpret_cast<float*>(unit.gradient), elements, 99.0f);
    }
    optimizer = std::make_unique<HostOptimizer>(plan, request, *host, settings, workers);
    arena.resize(4096 + slots * 8192);
    ExpertParts parts{.training = &plan,
                      .host = host.get(),
                      .arena = arena.data(),
                      .device = device.get(),
                      .optimizer = optimizer.get(),
                      .reduce = reduce};
    parts.wait_updated = [this](Lane lane, uint32_t unit) { waits.emplace_back(lane, unit); };
    experts = std::make_unique<TrainExperts>(parts);
  }
  ~Layer() { experts->finish(); }

  void begin() {
    optimizer->begin({.rate = 0.1},
                     std::vector<std::span<const int32_t>>(request.micro_batches, ids));
    experts->begin();
  }

  void take(uint32_t expert) {
    const auto [form, at] = experts->take();
    REQUIRE(form == &plan.units[1 + expert]);
    const auto* values = reinterpret_cast<const float*>(at);
    const auto expected = (*host)[1 + expert].master[0];
    REQUIRE(std::all_of(values, values + elements, [&](float v) { return v == expected; }));
  }

  void run(const std::vector<uint32_t>& chosen) {
    experts->need(0, chosen);
    for (const auto e : chosen) take(e);
    experts->end_layer();
  }

  // The backward of a rerun, in which all gradients of an expert are `value` + its number.
  void backward(const std::vector<uint32_t>& chosen, float value) {
    experts->need(0, chosen);
    for (const auto e : chosen) {
      take(e);
      auto* to = experts->gradients();
      const float own = value + static_cast<float>(e);
      for (uint64_t i = 0; i < elements; ++i)
        if (element_bytes(request.reduce) == 4)
          reinterpret_cast<float*>(to)[i] = own;
        else
          std::memcpy(to + 2 * i, reinterpret_cast<const std::byte*>(&own) + 2, 2);
    }
    experts->end_layer();
  }

  // The actions of the host for the layer itself, whose gradient is zero, or all updates.
  void host_work(zero::Kind kind, uint32_t micro_batch = 0) {
    for (const auto& action : plan.step.pass) {
      const auto& use = plan.step.uses[action.use];
      if (action.kind != kind || use.micro_batch != micro_batch) continue;
      if (kind == zero::Kind::reduce)
        std::memset(host->arrival(use), 0, elements * element_bytes(request.reduce));
      device->call(*optimizer, optimizer->item(action));
    }
    const auto event = TrainExperts::events(plan);
    device->record(Lane::host, event, ++worked);
    device->synchronize(event, worked);
  }
  uint64_t worked = 0;

  // Checks an expert after the first update, with a gradient that is the same everywhere.
  void check_updated(uint32_t expert, double gradient) const {
    const double before = 1 + expert;
    const double m = settings.beta1 * before + (1 - settings.beta1) * gradient;
    const double v = settings.beta2 * before + (1 - settings.beta2) * gradient * gradient;
    const double root = std::sqrt(v / (1 - settings.beta2)) + settings.eps;
    const double expected = before * (1 - 0.1 * 0.5) - 0.1 * m / (1 - settings.beta1) / root;
    const auto& unit = (*host)[1 + expert];
    for (uint64_t i = 0; i < elements; ++i) {
      REQUIRE(unit.master[i] == Approx(expected).epsilon(1e-6));
      REQUIRE(unit.moment1[i] == Approx(m).epsilon(1e-6));
    }
  }

  float gradient(uint32_t expert) const {
    const auto* at = reinterpret_cast<const float*>((*host)[1 + expert].gradient);
    REQUIRE(std::all_of(at, at + elements, [&](float v) { return v == at[0]; }));
    return at[0];
  }
};

}  // namespace

TEST_CASE("experts come in order, fetched behind their update", "[train][experts]") {
  Layer layer(GENERATE(2u, 3u, 8u));
  layer.begin();
  layer.run({0, 1, 2, 3});
  const std::vector<std::pair<Lane, uint32_t>> fetches{
      {Lane::copy, 1}, {Lane::copy, 2}, {Lane::copy, 3}, {Lane::copy, 4}};
  CHECK(layer.waits == fetches);
  CHECK(layer.experts->to_device() == 4 * elements * sizeof(float));
  layer.run({1, 3});
  layer.run({});
  layer.run({0, 2, 3});
}

TEST_CASE("a step fetches experts anew, as their weights have changed", "[train][experts]") {
  Layer layer(8);
  layer.begin();
  layer.run({0, 1});
  layer.run({0, 1});
  CHECK(layer.experts->to_device() == 2 * elements * sizeof(float));
  layer.experts->finish();
  std::fill_n((*layer.host)[2].master, elements, 7.5f);
  layer.begin();
  layer.run({0, 1});
  CHECK(layer.experts->to_device() == 4 * elements * sizeof(float));
}

TEST_CASE("gradients of experts are stored once and added over micro-batches", "[train][experts]") {
  const auto reduce = GENERATE(f32, bf16);
  Layer layer(2, reduce);
  layer.begin();
  layer.run({0, 2, 3});
  layer.backward({0, 2, 3}, 1);
  layer.host_work(zero::Kind::reduce, 0);
  layer.run({1, 2, 3});
  layer.backward({1, 2, 3}, 8);
  layer.host_work(zero::Kind::reduce, 1);
  layer.experts->finish();
  const float sums[] = {1, 9, 3 + 10, 4 + 11};
  double squares = 0;
  for (uint32_t e = 0; e < count; ++e) {
    CHECK(layer.gradient(e) == sums[e]);
    squares += double{sums[e]} * sums[e] * elements;
  }
  CHECK(layer.optimizer->gradients().norm == Approx(std::sqrt(squares)).epsilon(1e-12));
  CHECK(layer.experts->to_host() == 6 * elements * element_bytes(reduce));
}

TEST_CASE("the gradient of an expert that no token has chosen is zero", "[train][experts]") {
  Layer layer;
  layer.begin();
  layer.backward({1}, 0);
  layer.host_work(zero::Kind::reduce, 0);
  layer.host_work(zero::Kind::reduce, 1);
  CHECK(layer.optimizer->gradients().norm == Approx(std::sqrt(1.0 * elements)));
  layer.host_work(zero::Kind::update);
  for (uint32_t e = 0; e < count; ++e) layer.check_updated(e, e == 1 ? 1 : 0);
  // The next step begins without a choice.
  layer.begin();
  layer.host_work(zero::Kind::reduce, 0);
  layer.host_work(zero::Kind::reduce, 1);
  CHECK(layer.optimizer->gradients().norm == 0);
}

TEST_CASE("gradients of a single micro-batch stay in the dtype of the reduction",
          "[train][experts]") {
  Layer layer(2, bf16, 1);
  layer.begin();
  layer.backward({1, 3}, 1);
  layer.host_work(zero::Kind::reduce);
  CHECK(layer.experts->to_host() == 2 * elements * 2);
  CHECK(layer.optimizer->gradients().norm == Approx(std::sqrt((4.0 + 16) * elements)));
  for (const uint32_t e : {1, 3}) {
    const auto* bits = reinterpret_cast<const uint16_t*>((*layer.host)[1 + e].gradient);
    const auto expected = e == 1 ? 0x4000 : 0x4080;  // 2 and 4
    CHECK(std::all_of(bits, bits + elements, [&](uint16_t one) { return one == expected; }));
  }
  layer.host_work(zero::Kind::update);
  for (uint32_t e = 0; e < count; ++e) layer.check_updated(e, e == 1 ? 2 : e == 3 ? 4 : 0);
}

TEST_CASE("experts that the trainer does not take are given up", "[train][experts]") {
  Layer layer;
  layer.begin();
  layer.experts->need(0, std::vector<uint32_t>{0, 1, 2, 3});
  layer.take(0);
  layer.experts->gradients();
  layer.experts->end_layer();
  layer.run({2, 3});
  layer.experts->finish();
  CHECK(layer.experts->to_host() == elements * sizeof(float));
  REQUIRE_THROWS_WITH(layer.experts->take(), Catch::Contains("one more was taken"));
}
