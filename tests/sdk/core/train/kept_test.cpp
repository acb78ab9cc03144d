// Weights that are kept on the device during a step.
#include <catch2/catch.hpp>
#include <random>

#include "core/train/step_uses.hpp"
#include "core/zero/plan.hpp"

using namespace strata;
using train::StepUnit;

namespace {

// Units of random sizes: an embedding, layers with some experts, a head.
std::vector<StepUnit> random_units(uint32_t seed) {
  std::mt19937 random(seed);
  const auto bytes = [&] { return 1 + random() % 100'000; };
  std::vector<StepUnit> out(2 + random() % 8);
  for (auto& unit : out) {
    unit.run = random() % 5 == 0 ? 0 : bytes();
    unit.stored = random() % 4 == 0 ? bytes() : 0;
    if (random() % 4 == 0)
      unit.part = StepUnit::Part::expert;
    else
      unit.input = bytes(), unit.gradient = bytes();
    unit.trained = true;
  }
  out.front().part = StepUnit::Part::embedding;
  out.front().input = 0;
  out.back().part = StepUnit::Part::head;
  return out;
}

std::vector<StepUnit> with_kept(std::vector<StepUnit> units, std::size_t kept) {
  for (auto u = units.size() - kept; u < units.size(); ++u)
    units[u].weights = zero::Object::Home::kept;
  return units;
}

uint64_t own_places(const zero::Uses& uses) {
  return zero::least_arena(zero::Uses{.objects = uses.objects, .uses = {}}, {});
}

}  // namespace

TEST_CASE("the least arenas of all counts of kept units are those of their own uses",
          "[train][zero]") {
  const auto seed = GENERATE(range(0u, 40u));
  const auto units = random_units(seed);
  const train::StepShape shape{.micro_batches = 1 + seed % 2,
                               .inputs_in_tier = seed % 3 == 0,
                               .early_updates = seed % 5 < 2};
  const auto uses = [&](std::size_t kept) {
    return train::step_uses(with_kept(units, kept), ~uint32_t{0}, shape);
  };
  const auto all = zero::least_by_kept(uses(0), uses(units.size()));
  const auto scoring = zero::least_by_kept(train::scoring_uses(with_kept(units, 0)),
                                           train::scoring_uses(with_kept(units, units.size())));
  REQUIRE(all.size() == units.size() + 1);
  for (std::size_t kept = 0; kept <= units.size(); ++kept) {
    CHECK(all[kept].bytes() == zero::least_arena(uses(kept), {}));
    CHECK(all[kept].fixed == own_places(uses(kept)));
    CHECK(scoring[kept].bytes() ==
          zero::least_arena(train::scoring_uses(with_kept(units, kept)), {}));
  }
}
