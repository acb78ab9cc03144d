#include "core/run/experts.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "core/device/cpu_device.hpp"
#include "tests/sdk/core/run/noting_compute.hpp"

using namespace strata;
using namespace strata::run;

namespace {

constexpr uint32_t all = 4;  // experts of a layer
constexpr uint64_t bytes = 4096;

// Two mixture layers, resident, whose experts lie in mapped memory; each byte of an expert's memory
// tells its unit.
struct Layers {
  std::vector<zero::Unit> units;
  zero::Placement placement;
  std::vector<std::vector<std::byte>> memory;
  std::vector<Origin> origins;
  zero::Plan plan;
  std::vector<std::byte> arena;
  std::unique_ptr<device::CpuDevice> device;
  made::NotingCompute compute;
  std::unique_ptr<ExpertSlots> slots;

  explicit Layers(bool stored = false) {
    for (uint32_t layer = 0; layer < 2; ++layer)
      for (uint32_t e = 0; e <= all; ++e) {
        zero::Unit unit;
        unit.name = "unit " + std::to_string(units.size());
        unit.declared = layer;
        unit.expert = e == 0 ? zero::no_expert : e - 1;
        unit.run_bytes = unit.stored_bytes = bytes;
        unit.expands = stored && e > 0;
        placement.push_back({.tier = e == 0 ? zero::resident : 0, .as_run = !unit.expands});
        memory.emplace_back(bytes, static_cast<std::byte>(units.size() + 1));
        origins.push_back({.mapped = memory.back().data(), .route = {}});
        units.push_back(unit);
      }
  }

  static uint32_t unit(uint32_t layer, uint32_t expert) { return layer * (all + 1) + 1 + expert; }

  // Plans with room for so many expert slots.
  void open(uint32_t count) {
    const auto least = zero::least_arena(units, placement);
    const auto one = placement[1].as_run ? bytes : 2 * bytes;
    plan = zero::plan_pass(units, placement, {false}, least + (count - 1) * one, zero::Mode::step);
    REQUIRE(plan.experts.count == count);
    arena.resize(plan.arena);
    device = std::make_unique<device::CpuDevice>(ExpertSlots::events(plan));
    StreamingParts parts;
    parts.units = units;
    parts.placement = placement;
    parts.origins = origins;
    parts.arena = arena.data();
    parts.device = device.get();
    parts.compute = &compute;
    slots = std::make_unique<ExpertSlots>(parts, plan, 0);
  }

  // Takes the expert, and checks that it has its bytes.
  void take(uint32_t layer, uint32_t expert) {
    const auto u = unit(layer, expert);
    const auto [form, weights] = slots->take();
    REQUIRE(form == &units[u]);
    const auto expected = static_cast<std::byte>(u + 1 + (placement[u].as_run ? 0 : 1));
    REQUIRE(std::all_of(weights, weights + bytes, [&](auto byte) { return byte == expected; }));
  }
  void run(uint32_t layer, const std::vector<uint32_t>& experts) {
    slots->need(layer, experts);
    for (const auto e : experts) take(layer, e);
    slots->end_layer();
  }
};

}  // namespace

TEST_CASE("chosen experts come in their order with their bytes, however few the slots",
          "[run][experts]") {
  const auto count = GENERATE(1u, 2u, 3u, 8u);
  const auto stored = GENERATE(false, true);
  Layers layers(stored);
  layers.open(count);
  std::mt19937 random(count);
  uint64_t needed = 0;
  for (uint32_t pass = 0; pass < 60; ++pass)
    for (const uint32_t layer : {0u, 1u}) {
      std::vector<uint32_t> chosen;
      for (uint32_t e = 0; e < all; ++e)
        if (random() % 2) chosen.push_back(e);
      layers.run(layer, chosen);
      needed += chosen.size();
    }
  layers.slots->finish();
  const auto& cache = layers.slots->cache();
  CHECK(cache.needed() == needed);
  CHECK(layers.slots->planned() == (needed - cache.hits()) * bytes);
  CHECK(layers.slots->copied() == layers.slots->planned());
}

TEST_CASE("an expert that stays in a slot is neither fetched nor expanded again",
          "[run][experts]") {
  Layers layers(true);
  layers.open(2 * all);
  for (int pass = 0; pass < 3; ++pass)
    for (const uint32_t layer : {0u, 1u}) layers.run(layer, {0, 1, 2, 3});
  CHECK(layers.slots->planned() == 2 * all * bytes);
  CHECK(layers.compute.expanded == 2 * all);
  CHECK(layers.slots->cache().hits() == 2 * 2 * all);
}

TEST_CASE("experts that are resident or run in their tier are used where they lie",
          "[run][experts]") {
  Layers layers;
  const auto here = Layers::unit(0, 1), there = Layers::unit(0, 2);
  layers.placement[here] = {};
  layers.placement[there].runs_in_tier = true;
  layers.open(2);
  std::fill_n(layers.arena.data() + layers.plan.homes[here], bytes,
              static_cast<std::byte>(here + 1));
  layers.slots->need(0, std::vector<uint32_t>{1, 2, 3});
  const auto resident = layers.slots->take();
  CHECK(resident.weights == layers.arena.data() + layers.plan.homes[here]);
  CHECK(layers.slots->take().weights == layers.memory[there].data());
  layers.take(0, 3);
  layers.slots->end_layer();
  CHECK(layers.slots->planned() == bytes);  // of the one that streams
}

TEST_CASE("a layer's experts are given at once where none of them streams", "[run][experts]") {
  Layers layers;
  const std::vector<uint32_t> chosen{0, 2, 3};
  for (const auto e : chosen) layers.placement[Layers::unit(0, e)] = {};
  const auto in_tier = Layers::unit(0, 2);
  layers.placement[in_tier] = {.tier = 0, .runs_in_tier = true};
  layers.open(2);
  const auto& homes = layers.plan.homes;
  layers.slots->need(0, chosen);
  const auto given = layers.slots->take_all();
  REQUIRE(given.size() == chosen.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const auto u = Layers::unit(0, chosen[i]);
    CHECK(given[i].form == &layers.units[u]);
    CHECK(given[i].weights ==
          (u == in_tier ? layers.memory[u].data() : layers.arena.data() + homes[u]));
  }
  layers.slots->end_layer();
  CHECK(layers.slots->planned() == 0);
  // With one that streams they come one by one, from the first on.
  layers.slots->need(0, std::vector<uint32_t>{0, 1});
  CHECK(layers.slots->take_all().empty());
  CHECK(layers.slots->take().weights == layers.arena.data() + homes[Layers::unit(0, 0)]);
  layers.take(0, 1);
  layers.slots->end_layer();
  layers.run(1, {0, 3});
  layers.slots->finish();
}

TEST_CASE("a layer that leaves chosen experts untaken does not disturb the next",
          "[run][experts]") {
  Layers layers;
  layers.open(GENERATE(1u, 2u, 5u));
  layers.slots->need(0, std::vector<uint32_t>{0, 1, 2, 3});
  layers.take(0, 0);
  layers.run(1, {1, 3});  // need ends the layer before
  layers.run(0, {0, 2});
  layers.slots->finish();
}
