#include "core/zero/executor.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/zero/virtual_clock.hpp"
#include "tests/sdk/core/zero/random_units.hpp"

using namespace strata;
using namespace strata::zero;

TEST_CASE("on a virtual clock the executor's timeline is the simulation, to the last bit",
          "[zero][executor]") {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    const auto mode = std::array{Mode::once, Mode::step, Mode::backward}[seed % 3];
    const auto c = random_case(seed, mode);
    const auto plan = plan_pass(c.units, c.placement, c.file, c.budget, mode, c.ranks);
    Rates rates;
    for (std::size_t u = 0; u < c.units.size(); ++u)
      rates.run.push_back(1e-6 * static_cast<double>(1 + (seed + u) % 7));
    VirtualClock clock(c.units, c.placement, rates, c.ranks);
    Executor executor(plan, clock);
    const int passes = 4;
    for (int pass = 0; pass < passes; ++pass) executor.pass();
    const auto expected = simulate(plan, c.units, c.placement, rates, passes, c.ranks);
    REQUIRE(clock.timeline().spans == expected.spans);
    REQUIRE(clock.timeline().end == expected.end);
  }
}

TEST_CASE("a plan that breaks a unit's life is refused, naming the action and the state",
          "[zero][executor]") {
  std::vector<Unit> units(1);
  units[0].run_bytes = units[0].stored_bytes = 64;
  const Placement placement{{.tier = 0}};
  const auto good = plan_pass(units, placement, {false}, 1 << 20, Mode::once);
  VirtualClock clock(units, placement, {});
  const auto fails_with = [&](Plan plan, const char* words) {
    Executor executor(plan, clock);
    REQUIRE_THROWS_WITH(executor.pass(), Catch::Contains(words));
    REQUIRE_THROWS_WITH(executor.pass(), Catch::Contains("earlier pass failed"));
  };
  auto twice = good;
  twice.prologue.push_back(good.prologue[0]);
  fails_with(twice, "fetch of unit 0, which is fetched");
  auto unfetched = good;
  unfetched.prologue.clear();
  fails_with(unfetched, "run of unit 0, which is away");
  auto early = good;
  early.pass.insert(early.pass.begin(), good.pass.back());
  fails_with(early, "release of unit 0, which is fetched");
  auto gathered = good;
  gathered.pass.insert(gathered.pass.begin() + 1, {Kind::gather, Lane::comm, 0, {}});
  fails_with(gathered, "gather of unit 0, which is used");
  auto expanded = good;
  expanded.pass.insert(expanded.pass.begin() + 1, {Kind::expand, Lane::compute, 0, {}});
  fails_with(expanded, "expand of unit 0, which is used");
}
