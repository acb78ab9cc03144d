#include "core/zero/executor.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <utility>

#include "core/error.hpp"
#include "core/zero/virtual_clock.hpp"
#include "tests/sdk/core/zero/random_units.hpp"

using namespace strata;
using namespace strata::zero;

namespace {

// Refuses a wait for an event that the executor has not recorded, or that is not the latest of its
// stage: an event of an earlier pass must never be taken for one of this pass.
struct Latest : Backend {
  std::map<std::pair<uint32_t, Stage>, uint64_t> recorded;
  int waits = 0;

  void wait(Lane, const Event& event) override {
    REQUIRE(event.occurrence > 0);
    REQUIRE(recorded[{event.object, event.stage}] == event.occurrence);
    ++waits;
  }
  void enqueue(const Action&, const Slot&) override {}
  void record(Lane, const Event& event) override {
    REQUIRE(++recorded[{event.object, event.stage}] == event.occurrence);
  }
  void finish() override {}
};

}  // namespace

TEST_CASE("the executor waits for the latest occurrence of an event, and counts each one",
          "[zero][executor]") {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    const auto mode = std::array{Mode::once, Mode::step}[seed % 2];
    const auto c = random_case(seed);
    const auto plan = plan_pass(c.units, c.placement, c.file, c.budget, mode, c.ranks);
    Latest latest;
    Executor executor(plan, latest);
    for (int pass = 0; pass < 4; ++pass) executor.pass();
    REQUIRE((latest.waits > 0) == (plan.moved > 0));
  }
}

TEST_CASE("a plan that breaks a unit's life is refused, naming the action and the state",
          "[zero][executor]") {
  std::vector<Unit> units(1);
  units[0].run_bytes = units[0].stored_bytes = 64;
  const Placement placement{{.tier = 0}};
  const auto good = plan_pass(units, placement, {false}, 1 << 20, Mode::once);
  const auto fails_with = [&](Plan plan, const char* words) {
    VirtualClock clock(plan, units, placement, {});
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
  gathered.pass.insert(gathered.pass.begin() + 1, {Kind::gather, Lane::comm, 0, 0, 0, {}});
  fails_with(gathered, "gather of unit 0, which is used");
  auto expanded = good;
  expanded.pass.insert(expanded.pass.begin() + 1, {Kind::expand, Lane::compute, 0, 0, 0, {}});
  fails_with(expanded, "expand of unit 0, which is used");
}
