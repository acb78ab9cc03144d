// Training whose weights are bfloat16 between the steps, without float32 ones.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "core/device/cpu_device.hpp"
#include "core/dtype.hpp"
#include "core/optim/cast.hpp"
#include "core/train/host_optimizer.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"
#include "tests/sdk/core/tier/scratch_tier.hpp"
#include "tests/sdk/core/train/made_unit.hpp"

using namespace strata;
using namespace strata::train;

namespace {

constexpr strata_dtype f32{STRATA_FLOAT, 32, 1}, bf16{STRATA_BFLOAT, 16, 1};
constexpr uint64_t seed = 42;

using Shapes = std::vector<std::vector<int64_t>>;
const std::vector<Shapes> few{{{70'001}, {3, 30'001}, {1}}, {{5}}, {{64, 1640}}};

uint64_t pages(uint64_t bytes) { return (bytes + 4095) / 4096 * 4096; }

float some_number(uint64_t i) {
  return static_cast<float>((i * 2654435761U >> 8) % 65536) / 65536 - 0.5F;
}

struct Model {
  made::Opener opener;
  TrainingRequest request;
  TrainingPlan plan;
  std::unique_ptr<tier::Tier> weights, states;
  std::unique_ptr<device::CpuDevice> device = std::make_unique<device::CpuDevice>(1);
  optim::Workers workers;
  OptimizerSettings settings{.weight_decay = 0.1, .seed = seed};
  std::unique_ptr<HostUnits> host;
  std::unique_ptr<HostOptimizer> optimizer;
  std::vector<int32_t> ids{1};

  explicit Model(strata_dtype storage, Rule rule = Rule::adam, uint32_t threads = 2,
                 bool states_in_files = false, const std::vector<Shapes>& shapes = few)
      : workers(threads) {
    request.dtype = bf16;
    request.storage = storage;
    request.rule = rule;
    request.states_in_files = states_in_files;
    weights = opener.open<made::MemoryTier>();
    if (states_in_files)
      states = opener.open<made::ScratchTier>();
    else
      states = opener.open<made::MemoryTier>();
    for (const auto& one : shapes) plan.units.push_back(made::unit_of(one, bf16));
    std::vector<StepUnit> units;
    for (const auto& unit : plan.units) {
      plan.flats.push_back(flat_of(unit));
      plan.placement.push_back({.tier = 0});
      const auto gradient = plan.flats.back().elements * sizeof(float);
      plan.weight_bytes += pages(unit.run_bytes);
      plan.gradient_bytes += pages(gradient);
      plan.largest_gradient = std::max(plan.largest_gradient, pages(gradient));
      units.push_back({.run = unit.run_bytes, .gradient = gradient, .trained = true});
    }
    plan.step =
        zero::plan_uses(step_uses(units, no_table, {}), plan.units, {}, 1u << 30, zero::Mode::step);
    host = std::make_unique<HostUnits>(plan, request, *weights, *states, *device);
    optimizer = std::make_unique<HostOptimizer>(plan, request, *host, settings, workers);
  }

  // Zero moments, and weights that bfloat16 has.
  void begin() {
    for (uint32_t u = 0; u < plan.units.size(); ++u) {
      const auto& unit = (*host)[u];
      std::vector<float> values(plan.flats[u].elements);
      std::vector<uint16_t> rounded(values.size());
      for (uint64_t i = 0; i < values.size(); ++i) values[i] = some_number(i + 9973 * u);
      optim::cast(bf16, rounded.data(), f32, values.data(), 0, values.size());
      if (unit.states) std::memset(unit.states, 0, unit.layout.bytes);
      if (!unit.states) host->fill_states(u, nullptr);
      set(u, rounded);
    }
  }

  // The weights of a unit, in the places of its flat array.
  std::vector<uint16_t> get(uint32_t u) const {
    std::vector<uint16_t> out(plan.flats[u].elements);
    each(u, [&](const Piece& piece, std::byte* at) {
      std::memcpy(&out[piece.first], at, piece.count * 2);
    });
    return out;
  }
  void set(uint32_t u, const std::vector<uint16_t>& values) {
    each(u, [&](const Piece& piece, std::byte* at) {
      std::memcpy(at, &values[piece.first], piece.count * 2);
    });
    if (auto* master = (*host)[u].master)
      optim::cast(f32, master, bf16, values.data(), 0, values.size());
  }
  template <class F>
  void each(uint32_t u, const F& f) const {
    for (const auto& piece : plan.flats[u].pieces)
      f(piece, (*host)[u].weights + plan.units[u].weights[piece.weight].run.at);
  }

  void work(zero::Kind kind) {
    for (const auto& action : plan.step.pass)
      if (action.kind == kind) optimizer->work(optimizer->item(action));
  }

  void step(uint64_t number) {
    optimizer->begin({.rate = 0.01}, {ids});
    for (uint32_t u = 0; u < plan.units.size(); ++u) {
      auto* gradient = reinterpret_cast<float*>((*host)[u].gradient);
      std::fill_n(gradient, plan.flats[u].elements, 0.0F);
      for (const auto& piece : plan.flats[u].pieces)
        for (uint64_t i = piece.first; i < piece.first + piece.count; ++i)
          gradient[i] = some_number(i + 7919 * number);
    }
    work(zero::Kind::reduce);
    work(zero::Kind::update);
  }
};

// The float32 masters after a step, rounded.
std::vector<uint16_t> rounded(const Model& wide, uint32_t u, uint64_t update) {
  std::vector<uint16_t> out(wide.plan.flats[u].elements);
  for (const auto& piece : wide.plan.flats[u].pieces)
    optim::round_stochastically((*wide.host)[u].master + piece.first, &out[piece.first],
                                optim::rounding_key(seed, update, u), piece.first, piece.count);
  return out;
}

bool same_states(const Model& one, const Model& other, uint32_t u) {
  const auto& states = (*one.host)[u];
  return std::ranges::all_of(states.layout.arrays, [&](const StateArray& array) {
    return std::memcmp(states.states + array.at, (*other.host)[u].states + array.at, array.bytes) ==
           0;
  });
}

}  // namespace

TEST_CASE("bfloat16 weights are updated as float32 ones, and rounded by their place",
          "[train][storage]") {
  const auto rule = GENERATE(Rule::adam, Rule::adam8, Rule::adafactor);
  const auto threads = GENERATE(1u, 3u);
  Model wide(f32, rule), held(bf16, rule, threads);
  wide.begin(), held.begin();
  for (uint64_t number = 1; number <= 2; ++number) {
    for (uint32_t u = 0; u < few.size(); ++u) wide.set(u, held.get(u));
    wide.step(number);
    held.step(number);
    CAPTURE(number, threads);
    for (uint32_t u = 0; u < few.size(); ++u) {
      CAPTURE(u);
      REQUIRE(held.get(u) == rounded(wide, u, number));
      REQUIRE(same_states(held, wide, u));
    }
  }
}

TEST_CASE("a run that continues rounds as the one that was not interrupted", "[train][storage]") {
  Model whole(bf16), parts(bf16);
  whole.begin(), parts.begin();
  for (uint64_t number = 1; number <= 3; ++number) {
    whole.step(number);
    if (number == 2)
      for (uint32_t u = 0; u < few.size(); ++u) {
        parts.set(u, whole.get(u));
        std::memcpy((*parts.host)[u].states, (*whole.host)[u].states,
                    (*whole.host)[u].layout.bytes);
      }
  }
  parts.optimizer->set_updates(2);
  for (uint32_t u = 0; u < few.size(); ++u) parts.optimizer->copy_weights(u);
  parts.step(3);
  for (uint32_t u = 0; u < few.size(); ++u) CHECK(parts.get(u) == whole.get(u));
}

TEST_CASE("bfloat16 weights are the same beside moments in files", "[train][storage]") {
  const std::vector<Shapes> long_units{{{1'100'001}, {3, 300'001}}, {{5}}};
  Model memory(bf16, Rule::adam, 2, false, long_units),
      files(bf16, Rule::adam, 2, true, long_units);
  memory.begin(), files.begin();
  for (uint64_t number = 1; number <= 2; ++number) {
    memory.step(number);
    files.step(number);
    for (uint32_t u = 0; u < long_units.size(); ++u) REQUIRE(files.get(u) == memory.get(u));
  }
  // Both moments, and no weights.
  uint64_t elements = 0;
  for (const auto& flat : memory.plan.flats) elements += flat.elements;
  const auto bytes = files.host->bytes();
  CHECK(bytes.file_states >= 8 * elements);
  CHECK(bytes.file_states < 8 * elements + elements / 10);
}

TEST_CASE("with bfloat16 weights and float32 gradients a parameter takes 14 bytes",
          "[train][storage]") {
  const std::vector<Shapes> large{{{1000, 1000}, {1000}}};
  const Model wide(f32, Rule::adam, 1, false, large), held(bf16, Rule::adam, 1, false, large);
  const auto all = [](const Model& model) {
    const auto bytes = model.host->bytes();
    return static_cast<double>(bytes.weights + bytes.states + model.plan.gradient_bytes) /
           1'001'000;
  };
  CHECK(all(held) >= 14);
  CHECK(all(held) <= 14.04);
  CHECK(all(wide) >= 18);
  CHECK_FALSE((*held.host)[0].master);
  CHECK_THROWS_AS(held.host->masters(0, [](const Bucket&) {}), Error);
}

TEST_CASE("weights that are updated where they lie are not in files", "[train][storage]") {
  Model model(bf16);
  auto request = model.request;
  request.weights_in_files = true;
  made::Opener opener;
  const auto files = opener.open<made::ScratchTier>();
  CHECK_THROWS_WITH(HostUnits(model.plan, request, *files, *model.states, *model.device),
                    Catch::Contains("maps no memory"));
}
