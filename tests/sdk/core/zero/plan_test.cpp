#include "core/zero/plan.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "core/error.hpp"
#include "core/zero/shard.hpp"
#include "tests/sdk/core/zero/random_units.hpp"

using namespace strata;
using namespace strata::zero;

namespace {

// Walks the actions as the executor would issue them and records the owner of each byte of the
// arena.
struct Replay {
  const Plan& plan;
  std::set<uint32_t> held;
  std::map<uint32_t, int> fetched, run;
  uint64_t peak = 0;

  void operator()(const Action& action) {
    const auto& slot = plan.slots[action.use];
    if (action.kind == Kind::fetch) {
      for (const auto other : held) {
        const auto& taken = plan.slots[other];
        // The two are apart in space, or the fetch waits for the release of the earlier one.
        REQUIRE((slot.offset >= taken.offset + taken.bytes ||
                 taken.offset >= slot.offset + slot.bytes));
      }
      held.insert(action.unit);
      ++fetched[action.unit];
      peak = std::max(peak, slot.offset + slot.bytes);
    }
    if (action.kind == Kind::run || action.kind == Kind::rerun) {
      if (slot.bytes > 0) REQUIRE(held.count(action.unit) == 1);
      ++run[action.unit];
    }
    if (action.kind == Kind::release) held.erase(action.unit);
  }
};

}  // namespace

TEST_CASE("a pass never takes a slot that is held, stays in its budget and runs every unit once",
          "[zero][plan]") {
  const auto mode = GENERATE(Mode::step, Mode::once);
  for (uint32_t seed = 0; seed < 400; ++seed) {
    const auto c = random_case(seed);
    const auto plan = plan_pass(c.units, c.placement, c.file, c.budget, mode, c.ranks);
    Replay replay{plan, {}, {}, {}};
    for (const auto& action : plan.prologue) replay(action);
    const int passes = mode == Mode::step ? 3 : 1;
    for (int pass = 0; pass < passes; ++pass)
      for (const auto& action : plan.pass) replay(action);
    REQUIRE(plan.arena <= c.budget);
    REQUIRE(std::max(replay.peak, plan.fixed) == plan.arena);
    for (uint32_t u = 0; u < c.units.size(); ++u) {
      REQUIRE(replay.run[u] == passes);
      const bool streams = c.placement[u].streams();
      const int ahead = mode == Mode::step && replay.held.count(u) ? 1 : 0;
      REQUIRE(replay.fetched[u] == (streams ? passes + ahead : 0));
    }
    if (mode != Mode::step) REQUIRE(replay.held.empty());
  }
}

TEST_CASE("a fetch waits for the release of every unit whose slot it takes", "[zero][plan]") {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const auto c = random_case(seed);
    const auto plan = plan_pass(c.units, c.placement, c.file, c.budget, Mode::step, c.ranks);
    for (const auto& action : plan.pass) {
      if (action.kind != Kind::fetch) continue;
      const auto& slot = plan.slots[action.use];
      for (uint32_t u = 0; u < c.units.size(); ++u) {
        const auto& other = plan.slots[u];
        const bool shared = other.bytes > 0 && slot.offset < other.offset + other.bytes &&
                            other.offset < slot.offset + slot.bytes;
        REQUIRE((std::ranges::find(action.after, Wait{u, Stage::released}) != action.after.end()) ==
                shared);
      }
    }
  }
}

TEST_CASE("a plan of several ranks counts what its gathers get from the others", "[zero][plan]") {
  const auto mode = GENERATE(Mode::step, Mode::once);
  bool some = false;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const auto c = random_case(seed);
    const auto plan = plan_pass(c.units, c.placement, c.file, c.budget, mode, c.ranks);
    uint64_t moved = 0, gathered = 0;
    const auto count = [&](const std::vector<Action>& actions) {
      for (const auto& action : actions) {
        const auto& unit = c.units[action.unit];
        const bool cut = c.ranks > 1 && !unit.whole;
        const auto shard =
            shard_bytes(held_bytes(unit, c.placement[action.unit]), cut ? c.ranks : 1);
        if (action.kind == Kind::fetch) moved += shard;
        if (action.kind != Kind::gather) continue;
        REQUIRE(cut);
        gathered += shard * (c.ranks - 1);
        some = some || plan.gathered > 0;
      }
    };
    if (mode == Mode::once) count(plan.prologue);
    count(plan.pass);
    REQUIRE(plan.moved == moved);
    REQUIRE(plan.gathered == gathered);
  }
  REQUIRE(some);
}

TEST_CASE("a group of one gathers every fetch that is not whole, and is one rank's plan otherwise",
          "[zero][plan]") {
  const auto mode = GENERATE(Mode::step, Mode::once);
  uint32_t whole = 0, gathers = 0;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const auto c = random_case(seed);
    const auto budget = least_arena(c.units, c.placement) + 100'000;
    const auto alone = plan_pass(c.units, c.placement, c.file, budget, mode);
    const auto plan = plan_pass(c.units, c.placement, c.file, budget, mode, 1, true);
    REQUIRE((plan.arena == alone.arena && plan.moved == alone.moved && plan.gathered == 0));
    std::vector<Action> rest;
    for (std::size_t a = 0; a < plan.pass.size(); ++a) {
      const auto& action = plan.pass[a];
      if (action.kind != Kind::gather) rest.push_back(action);
      if (action.kind != Kind::fetch) continue;
      const bool gathered = a + 1 < plan.pass.size() && plan.pass[a + 1].kind == Kind::gather &&
                            plan.pass[a + 1].object == action.object;
      REQUIRE(gathered != c.units[action.unit].whole);
      ++(gathered ? gathers : whole);
    }
    REQUIRE(rest.size() == alone.pass.size());
    for (std::size_t a = 0; a < rest.size(); ++a)
      REQUIRE((rest[a].kind == alone.pass[a].kind && rest[a].object == alone.pass[a].object));
  }
  REQUIRE((whole > 0 && gathers > 0));
}

TEST_CASE("an arena one byte short of the least is refused, naming the unit and the bytes",
          "[zero][plan]") {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    const auto c = random_case(seed);
    const auto least = least_arena(c.units, c.placement, c.ranks);
    REQUIRE(plan_pass(c.units, c.placement, c.file, least, Mode::step, c.ranks).arena == least);
    if (least == 0) continue;
    REQUIRE_THROWS_WITH(
        plan_pass(c.units, c.placement, c.file, least - 1, Mode::step, c.ranks),
        Catch::Contains(std::to_string(least)) && Catch::Contains("--device-memory"));
  }
}

TEST_CASE("experts have slots of their own, all that is left where nothing else streams",
          "[zero][plan]") {
  std::vector<Unit> units(7);
  for (auto& unit : units) unit.run_bytes = unit.stored_bytes = 4096;
  for (uint32_t e = 0; e < 4; ++e) units[2 + e].expert = e;
  Placement placement(7, Place{.tier = 0});
  SECTION("all streams") {
    const auto least = least_arena(units, placement);
    REQUIRE(least == 2UL * 4096);
    REQUIRE(plan_pass(units, placement, {false}, least, Mode::step).experts.count == 1);
    const auto plan = plan_pass(units, placement, {false}, 9UL * 4096, Mode::step);
    REQUIRE(plan.experts.count == 2);
    REQUIRE(plan.experts.offset + 2 * plan.experts.bytes == plan.arena);
    REQUIRE(plan.moved == 3UL * 4096);
    for (const auto& action : plan.pass) REQUIRE_FALSE(units[action.unit].is_expert());
  }
  SECTION("the experts alone") {
    for (const uint32_t u : {0, 1, 6}) placement[u] = {};
    REQUIRE(least_arena(units, placement) == 4UL * 4096);
    REQUIRE(plan_pass(units, placement, {false}, 6UL * 4096, Mode::step).experts.count == 3);
    const auto plan = plan_pass(units, placement, {false}, 20UL * 4096, Mode::step);
    REQUIRE(plan.experts.count == 4);
    REQUIRE(plan.arena == 7UL * 4096);
    REQUIRE_THROWS_WITH(plan_pass(units, placement, {false}, 4UL * 4096 - 1, Mode::step),
                        Catch::Contains("an expert"));
  }
}

TEST_CASE("with room for two slots the next fetch is issued before the unit runs", "[zero][plan]") {
  std::vector<Unit> units(4);
  for (auto& unit : units) unit.run_bytes = unit.stored_bytes = 4096;
  const Placement placement(4, Place{.tier = 0});
  const auto plan = plan_pass(units, placement, {false}, 2UL * 4096, Mode::step);
  REQUIRE(plan.prologue.size() == 2);
  REQUIRE(plan.pass.front().kind == Kind::run);
  REQUIRE(plan.pass[2].kind == Kind::fetch);
  REQUIRE(plan.pass[2].unit == 2);
  REQUIRE(plan.pass.back().kind == Kind::fetch);  // wraps into the next pass
  REQUIRE(plan.pass.back().unit == 1);
}
