#include "core/zero/placement.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/zero/plan.hpp"

using namespace strata;
using namespace strata::zero;

namespace {

std::vector<Unit> equal_units(std::size_t count, uint64_t bytes) {
  std::vector<Unit> units(count);
  for (std::size_t u = 0; u < count; ++u) {
    units[u].name = "unit " + std::to_string(u);
    units[u].run_bytes = units[u].stored_bytes = bytes;
  }
  return units;
}

uint64_t held(const std::vector<Unit>& units, const Placement& placement, uint32_t tier) {
  uint64_t sum = 0;
  for (std::size_t u = 0; u < units.size(); ++u)
    if (placement[u].tier == tier) sum += units[u].run_bytes;
  return sum;
}

}  // namespace

TEST_CASE("what fits the device stays there", "[zero][placement]") {
  const auto units = equal_units(5, 100);
  REQUIRE(held(units, place(units, {}, 500, true), resident) == 500);
}

TEST_CASE("residents leave room for two slots and are spread between the streamed units",
          "[zero][placement]") {
  const auto units = equal_units(12, 100);
  const std::vector<TierRoom> tiers{{.name = "a"}};
  const auto placement = place(units, tiers, 600, true);
  REQUIRE(held(units, placement, resident) == 400);
  int longest = 0, row = 0;
  for (const auto& p : placement) {
    row = p.tier == resident ? 0 : row + 1;
    longest = std::max(longest, row);
  }
  REQUIRE(longest <= 2);
}

TEST_CASE("experts make room for the units that every pass runs", "[zero][placement]") {
  auto units = equal_units(12, 100);
  for (uint32_t e = 0; e < 6; ++e) units[4 + e].expert = e;
  const std::vector<TierRoom> tiers{{.name = "a"}};
  REQUIRE(held(units, place(units, tiers, 1200, true), resident) == 1200);
  for (const uint64_t arena : {800, 1199}) {
    const auto placement = place(units, tiers, arena, true);
    REQUIRE(held(units, placement, resident) == 600);
    for (std::size_t u = 0; u < units.size(); ++u)
      REQUIRE((placement[u].tier == resident) == !units[u].is_expert());
  }
  // The ring holds two of the largest units; the others still stay as far as they fit.
  REQUIRE(held(units, place(units, tiers, 700, true), resident) == 300);
}

TEST_CASE("a tier takes no more than its capacity, the next one the rest", "[zero][placement]") {
  const auto units = equal_units(10, 100);
  const std::vector<TierRoom> tiers{{.name = "a", .capacity = 350},
                                    {.name = "b", .capacity = 5000}};
  const auto placement = place(units, tiers, 0, false);
  REQUIRE(held(units, placement, 0) == 300);
  REQUIRE(held(units, placement, 1) == 700);
}

TEST_CASE("units that fit nowhere are refused, naming the unit and the tier", "[zero][placement]") {
  const auto units = equal_units(4, 100);
  const std::vector<TierRoom> tiers{{.name = "a", .capacity = 350}};
  REQUIRE_THROWS_WITH(place(units, tiers, 0, false),
                      Catch::Contains("unit 3") && Catch::Contains("tier a"));
}

TEST_CASE("a tier holds what stays packed in its stored form, and a slot has room for both",
          "[zero][placement]") {
  auto units = equal_units(4, 100);
  for (auto& unit : units) {
    unit.stored_bytes = 30;
    unit.expands = true;
  }
  units[1].as_run = units[2].as_run = false;
  const std::vector<TierRoom> tiers{{.name = "a", .capacity = 260}};
  const auto placement = place(units, tiers, 0, false);
  for (std::size_t u = 0; u < units.size(); ++u) {
    REQUIRE(placement[u].as_run == units[u].as_run);
    REQUIRE(held_bytes(units[u], placement[u]) == (units[u].as_run ? 100 : 30));
    REQUIRE(slot_bytes(units[u], placement[u]) == (units[u].as_run ? 100 : 130));
  }
  const std::vector<TierRoom> smaller{{.name = "a", .capacity = 259}};
  REQUIRE_THROWS_WITH(place(units, smaller, 0, false), Catch::Contains("unit 3 (100 B)"));
  units[3].as_run = false;
  const std::vector<TierRoom> least{{.name = "a", .capacity = 189}};
  REQUIRE_THROWS_WITH(place(units, least, 0, false), Catch::Contains("unit 3 (30 B)"));
  const std::vector<TierRoom> files{{.name = "a", .capacity = 0, .in_place = true}};
  for (const auto& one : place(units, files, 0, false)) REQUIRE_FALSE(one.as_run);
}

TEST_CASE(
    "units in run form run in a tier whose memory the device reads, and leave no room for slots",
    "[zero][placement]") {
  constexpr uint64_t each = 4096, room = 6 * each;
  auto units = equal_units(12, each);
  for (uint32_t e = 0; e < 4; ++e) units[4 + e].expert = e;
  units.back().in_tier = true;
  const std::vector<TierRoom> tiers{{.name = "a", .runs_units = true}};
  for (const bool fill : {false, true}) {
    const auto placement = place(units, tiers, room, fill);
    // Experts are filled in as other units are: none of them streams.
    REQUIRE(held(units, placement, resident) == (fill ? room : 0));
    for (const auto& one : placement) REQUIRE(one.runs_in_tier == (one.tier != resident));
    REQUIRE(placement.back().runs_in_tier);
    REQUIRE(slot_bytes(units.back(), placement.back()) == 0);
    const auto plan = plan_pass(units, placement, {false}, room, Mode::step);
    REQUIRE(plan.moved == 0);
    REQUIRE(plan.prologue.empty());
    REQUIRE(plan.experts.count == 0);
    REQUIRE(plan.arena == held(units, placement, resident));
    REQUIRE(std::ranges::all_of(plan.pass, [](const auto& a) { return a.kind == Kind::run; }));
    REQUIRE(plan.pass.size() == 8);
  }
}

TEST_CASE("where some units stream, those that lie in such a tier still run there",
          "[zero][placement]") {
  const auto units = equal_units(12, 100);
  const std::vector<TierRoom> tiers{{.name = "a", .capacity = 300, .runs_units = true},
                                    {.name = "b", .capacity = 5000}};
  const auto placement = place(units, tiers, 600, true);
  REQUIRE(held(units, placement, resident) == 400);  // beside two slots
  REQUIRE(held(units, placement, 0) == 300);
  for (const auto& one : placement) {
    REQUIRE(one.runs_in_tier == (one.tier == 0));
    REQUIRE(one.streams() == (one.tier == 1));
  }
}

TEST_CASE("a unit that its tier holds in stored form streams, wherever it lies",
          "[zero][placement]") {
  auto units = equal_units(4, 100);
  for (auto& unit : units) unit.stored_bytes = 30, unit.expands = true;
  units[1].as_run = false;
  const std::vector<TierRoom> tiers{{.name = "a", .runs_units = true}};
  const auto placement = place(units, tiers, 0, false);
  for (std::size_t u = 0; u < units.size(); ++u) REQUIRE(placement[u].runs_in_tier == (u != 1));
}
