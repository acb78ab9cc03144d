// Training with states on the device beside training with states on the host.
#include "core/train/device_states.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/device/cpu_device.hpp"
#include "core/dtype.hpp"
#include "core/optim/cast.hpp"
#include "core/pages.hpp"
#include "core/train/device_places.hpp"
#include "core/train/host_optimizer.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"
#include "tests/sdk/core/train/made_unit.hpp"

using namespace strata;
using namespace strata::train;
using made::unit_of;

namespace {

constexpr strata_dtype f32{STRATA_FLOAT, 32, 1}, bf16{STRATA_BFLOAT, 16, 1};
constexpr uint32_t units = 4;

float some_number(uint64_t i) {
  return static_cast<float>((i * 2654435761U >> 8) % 65536) / 65536 - 0.5F;
}

struct Shape {
  strata_dtype dtype, reduce;
  uint32_t micro_batches;
};

// A few units, of which some have their states on the device. Actions are carried out one by one in
// the order of the plan.
struct Model {
  made::Opener opener;
  TrainingRequest request;
  TrainingPlan plan;
  std::unique_ptr<tier::Tier> weights = opener.open<made::MemoryTier>(),
                              states = opener.open<made::MemoryTier>();
  std::unique_ptr<device::CpuDevice> device = std::make_unique<device::CpuDevice>(1);
  optim::Workers workers{2}, others{2};
  std::unique_ptr<StateKernels> kernels = host_kernels(others);
  OptimizerSettings settings{.weight_decay = 0.1};
  std::unique_ptr<HostUnits> host;
  std::unique_ptr<HostOptimizer> optimizer;
  std::unique_ptr<DeviceStates> on_device;
  std::byte* arena = nullptr;
  std::vector<int32_t> ids{1};

  Model(const Shape& shape, const std::vector<bool>& chosen, double clip = 0.5,
        bool early = false) {
    settings.clip = clip;
    request.early_updates = early;
    request.dtype = shape.dtype;
    request.reduce = shape.reduce;
    request.micro_batches = shape.micro_batches;
    plan.units = {unit_of({{70'001}, {3, 30'001}, {1}}, shape.dtype), unit_of({{5}}, shape.dtype),
                  unit_of({{64, 1640}}, shape.dtype), unit_of({{7}, {9, 9}}, shape.dtype)};
    if (std::ranges::count(chosen, true) > 0) plan.states_on_device = chosen;
    std::vector<StepUnit> step;
    uint64_t sums = 0;
    for (uint32_t u = 0; u < units; ++u) {
      const auto& unit = plan.units[u];
      plan.flats.push_back(flat_of(unit));
      const auto& flat = plan.flats[u];
      const auto gradient = flat.elements * element_bytes(shape.reduce);
      step.push_back({.run = unit.run_bytes,
                      .gradient = gradient,
                      .trained = true,
                      .staged = shape.micro_batches > 1 && !same(shape.reduce, f32)});
      plan.placement.push_back({.tier = 0});
      if (plan.on_device(u)) {
        plan.placement[u] = {.tier = zero::resident};
        step[u].weights = zero::Object::Home::arena;
        step[u].states = device_places(unit, flat, shape.micro_batches).bytes;
      } else {
        plan.weight_bytes += pages(unit.run_bytes);
        sums += pages(flat.elements * sizeof(float));
      }
      plan.largest_gradient = std::max(plan.largest_gradient, pages(gradient));
    }
    plan.gradient_bytes = sums + gradient_stagings * plan.largest_gradient;
    plan.step = zero::plan_uses(step_uses(step, no_table,
                                          {.micro_batches = shape.micro_batches,
                                           .early_updates = early,
                                           .numbers = sizeof(UpdateNumbers)}),
                                plan.units, {}, 1u << 24, zero::Mode::step);
    plan.scoring = zero::plan_uses(scoring_uses(step), plan.units, {}, 1u << 24, zero::Mode::once);
    host = std::make_unique<HostUnits>(plan, request, *weights, *states, *device);
    optimizer = std::make_unique<HostOptimizer>(plan, request, *host, settings, workers);
    arena = device->arena(plan.step.arena);
    if (!plan.states_on_device.empty()) {
      on_device = std::make_unique<DeviceStates>(plan, request, arena, *device, *kernels);
      host->use(*on_device);
    }
    for (uint32_t u = 0; u < units; ++u) {
      std::vector<float> master(plan.flats[u].elements);
      for (uint64_t i = 0; i < master.size(); ++i) master[i] = some_number(i + 9973 * u);
      host->fill_states(u, master.data());
      optimizer->copy_weights(u);
    }
  }

  // A gradient as a rerun leaves it, with zeros in the gaps.
  void make_gradient(const zero::Use& use, uint64_t number, float factor, std::byte* to) const {
    const auto& flat = plan.flats[use.unit];
    std::vector<float> values(flat.elements, 0);
    for (const auto& piece : flat.pieces)
      for (uint64_t i = piece.first; i < piece.first + piece.count; ++i)
        values[i] = factor * some_number(i + 7919 * number + 31 * use.micro_batch + use.unit);
    optim::cast(request.reduce, to, f32, values.data(), 0, flat.elements);
  }

  void carry_out(const zero::Action& action, uint64_t number, uint32_t batches, float factor) {
    const auto& use = plan.step.uses[action.use];
    const auto& object = plan.step.objects[action.object];
    auto* gradient = arena + plan.step.slots[action.use].gradient;
    const bool there = use.micro_batch < batches;
    const bool here = action.lane == zero::Lane::compute;
    if (action.kind == zero::Kind::rerun && there)
      make_gradient(use, number, factor, gradient);
    else if (action.kind == zero::Kind::store && there)
      std::memcpy(host->arrival(use), gradient, object.run);
    else if (action.kind == zero::Kind::fetch && object.kind == zero::Object::Kind::numbers)
      on_device->bring_numbers();
    else if (action.kind == zero::Kind::reduce && here)
      on_device->reduce(use, gradient, there);
    else if (action.kind == zero::Kind::update && here)
      on_device->update(action.unit);
    else if (action.kind == zero::Kind::reduce || action.kind == zero::Kind::update)
      optimizer->work(optimizer->item(action));
  }

  Gradients step(uint64_t number, uint32_t batches, float factor = 1) {
    optimizer->begin({.rate = 0.01},
                     std::vector<std::span<const int32_t>>(batches, std::span<const int32_t>(ids)));
    for (const auto& action : plan.step.pass) carry_out(action, number, batches, factor);
    return optimizer->gradients();
  }

  const std::byte* form(uint32_t unit) const {
    return plan.on_device(unit) ? arena + plan.step.homes[unit] : (*host)[unit].weights;
  }

  bool same_bits(const Model& other) const {
    bool same = true;
    for (uint32_t u = 0; u < units; ++u) {
      for (const auto which : {AdamState::master, AdamState::moment1, AdamState::moment2}) {
        std::vector<float> mine(plan.flats[u].elements), theirs(mine.size());
        host->read(u, which, 0, mine);
        other.host->read(u, which, 0, theirs);
        for (const auto& piece : plan.flats[u].pieces)
          same = same && std::memcmp(&mine[piece.first], &theirs[piece.first],
                                     piece.count * sizeof(float)) == 0;
      }
      for (const auto& weight : plan.units[u].weights)
        same = same && std::memcmp(form(u) + weight.run.at, other.form(u) + weight.run.at,
                                   weight.run.bytes) == 0;
    }
    return same;
  }
};

const std::vector<bool> none(units, false);

}  // namespace

TEST_CASE("states on the device get the bits that they get on the host", "[train][device]") {
  const auto shape =
      GENERATE(Shape{bf16, f32, 1}, Shape{bf16, bf16, 1}, Shape{f32, f32, 2}, Shape{bf16, bf16, 3});
  const auto chosen = GENERATE(std::vector<bool>{true, true, true, true},
                               std::vector<bool>{true, true, false, false},
                               std::vector<bool>{false, false, true, false});
  Model on_host(shape, none), moved(shape, chosen);
  REQUIRE(moved.same_bits(on_host));
  for (uint64_t number = 1; number <= 3; ++number) {
    CAPTURE(number, shape.micro_batches, shape.dtype.bits, shape.reduce.bits);
    // The last step lacks micro-batches.
    const auto batches = number < 3 ? shape.micro_batches : 1;
    const auto expected = on_host.step(number, batches), made = moved.step(number, batches);
    REQUIRE(expected.finite);
    REQUIRE(expected.norm > on_host.settings.clip);
    REQUIRE(made.norm == expected.norm);
    REQUIRE(moved.same_bits(on_host));
  }
}

TEST_CASE("updates of the device behind early ones of the host have the same bits",
          "[train][device]") {
  const Shape shape{bf16, f32, GENERATE(1u, 2u)};
  const std::vector<bool> chosen{true, true, false, false};
  Model on_host(shape, none, 0), moved(shape, chosen, 0, true);
  // The host has updated a unit before the norm is known, and the device none.
  std::vector<bool> before;
  for (const auto& use : moved.plan.step.uses) {
    if (use.kind == zero::Use::Kind::norm) break;
    if (use.kind == zero::Use::Kind::update) before.push_back(use.on_device);
  }
  REQUIRE_FALSE(before.empty());
  CHECK(std::ranges::count(before, true) == 0);
  for (uint64_t number = 1; number <= 3; ++number) {
    CHECK(moved.step(number, shape.micro_batches).norm ==
          on_host.step(number, shape.micro_batches).norm);
    REQUIRE(moved.same_bits(on_host));
    REQUIRE(moved.optimizer->updates() == number);
  }
}

TEST_CASE("a gradient that is not finite changes no state on the device", "[train][device]") {
  const Shape shape{bf16, f32, 1};
  Model moved(shape, {true, false, true, false}), before(shape, none);
  moved.step(1, 1);
  before.step(1, 1);
  CHECK_FALSE(moved.step(2, 1, std::numeric_limits<float>::infinity()).finite);
  REQUIRE(moved.same_bits(before));
  CHECK(moved.optimizer->updates() == 1);
  // The next step is the second update.
  moved.step(3, 1);
  before.step(3, 1);
  REQUIRE(moved.same_bits(before));
}

TEST_CASE("what lies on the device is read and written in parts", "[train][device]") {
  Model moved({bf16, f32, 1}, {true, false, false, false});
  std::vector<float> some(100, 0.25F), seen(102);
  moved.host->write(0, AdamState::moment2, 7, some);
  moved.host->read(0, AdamState::moment2, 6, seen);
  CHECK(seen.front() == 0);
  CHECK(seen.back() == 0);
  CHECK(std::count(seen.begin(), seen.end(), 0.25F) == 100);
  std::vector<float> masters(moved.plan.flats[0].elements), expected(masters.size());
  moved.host->masters(0, [&](const Bucket& bucket) {
    std::copy_n(bucket.master, bucket.count,
                masters.begin() + static_cast<std::ptrdiff_t>(bucket.first));
  });
  moved.host->read(0, AdamState::master, 0, expected);
  CHECK(masters == expected);
}

TEST_CASE("states and the weights that they update have places of their own", "[train][device]") {
  const auto micro_batches = GENERATE(1u, 2u);
  const Model moved({bf16, f32, micro_batches}, {true, false, true, false});
  const auto& step = moved.plan.step;
  for (const auto* other : {&step, &moved.plan.scoring})
    for (std::size_t o = 0; o < step.objects.size(); ++o) {
      const auto& object = step.objects[o];
      const bool weights = object.kind == zero::Object::Kind::weights;
      if (!weights && object.kind != zero::Object::Kind::states) continue;
      if (!moved.plan.on_device(object.unit)) continue;
      // No pass takes them, and the plan of scoring leaves them where they are.
      REQUIRE(step.homes[o] != zero::not_held);
      CHECK(other->homes[o] == step.homes[o]);
      CHECK(step.homes[o] + object.run <= other->fixed);
      for (const auto& action : other->pass)
        if (action.unit == object.unit && action.object == o)
          CHECK(action.kind != zero::Kind::fetch);
    }
  std::size_t stores = 0, there = 0;
  for (const auto& action : step.pass) {
    if (action.kind == zero::Kind::store) ++stores;
    if (action.lane != zero::Lane::compute) continue;
    if (action.kind == zero::Kind::reduce || action.kind == zero::Kind::update) ++there;
  }
  CHECK(stores == 2 * micro_batches);
  CHECK(there == 2 * (micro_batches + 1));
}
