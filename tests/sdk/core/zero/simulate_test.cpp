#include "core/zero/simulate.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <utility>

#include "core/zero/shard.hpp"
#include "tests/sdk/core/zero/random_units.hpp"

using namespace strata;
using namespace strata::zero;

namespace {

Rates random_rates(uint32_t seed, std::size_t units) {
  Rates rates;
  for (std::size_t u = 0; u < units; ++u)
    rates.run.push_back(1e-6 * static_cast<double>(1 + (seed + u) % 7));
  return rates;
}

// The rates of a case that is computed by hand: a thousand bytes are a millisecond of the disk, a
// half of the link, a quarter of the network and an eighth of the expansion.
Rates round_rates(std::vector<double> run) {
  return {.disk = 1e6, .link = 2e6, .network = 4e6, .expand = 8e6, .run = std::move(run)};
}

// Computes a timeline without an executor, from the list of issued actions alone: an action begins
// when the action before it on its lane has ended and so has the latest earlier action that
// completed each awaited stage.
struct Recomputed {
  const RandomCase& c;
  const Rates& rates;
  std::vector<Action> issued;

  double seconds(const Action& action) const {
    const auto& unit = c.units[action.unit];
    const bool stored = !c.placement[action.unit].as_run;
    const double bytes = static_cast<double>(
        shard_bytes(stored ? unit.stored_bytes : unit.run_bytes, unit.whole ? 1 : c.ranks));
    if (action.kind == Kind::fetch)
      return bytes / (action.lane == Lane::io ? rates.disk : rates.link);
    if (action.kind == Kind::gather) return bytes * (c.ranks - 1) / rates.network;
    if (action.kind == Kind::expand)
      return static_cast<double>(unit.stored_bytes + unit.run_bytes) / rates.expand;
    if (action.kind == Kind::run) return rates.run[action.unit];
    return 0;
  }

  static bool completes(const Action& action, const Wait& wait) {
    static constexpr std::array kinds{Kind::fetch, Kind::gather, Kind::expand, Kind::release};
    return action.object == wait.object &&
           action.kind == kinds[static_cast<std::size_t>(wait.stage)];
  }

  std::vector<Span> spans() const {
    std::vector<Span> out;
    const auto ended = [&](const auto& wanted) {
      for (std::size_t i = out.size(); i-- > 0;)
        if (wanted(issued[i])) return out[i].end;
      return 0.0;
    };
    for (const auto& action : issued) {
      double begin = ended([&](const Action& other) { return other.lane == action.lane; });
      for (const auto& wait : action.after)
        begin = std::max(begin, ended([&](const Action& other) { return completes(other, wait); }));
      out.push_back({action.kind, action.lane, action.unit, begin, begin + seconds(action)});
    }
    return out;
  }
};

}  // namespace

TEST_CASE("a simulation is the timeline recomputed from the plan's waits, to the last bit",
          "[zero][simulate]") {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    const auto mode = std::array{Mode::once, Mode::step}[seed % 2];
    const auto c = random_case(seed);
    const auto plan = plan_pass(c.units, c.placement, c.file, c.budget, mode, c.ranks);
    const auto rates = random_rates(seed, c.units.size());
    const int passes = 4;
    const auto timeline = simulate(plan, c.units, c.placement, rates, passes, c.ranks);
    Recomputed recomputed{c, rates, {}};
    for (int pass = 0; pass < passes; ++pass) {
      if (pass == 0 || mode != Mode::step)
        recomputed.issued.insert(recomputed.issued.end(), plan.prologue.begin(),
                                 plan.prologue.end());
      recomputed.issued.insert(recomputed.issued.end(), plan.pass.begin(), plan.pass.end());
    }
    const auto expected = recomputed.spans();
    REQUIRE(timeline.spans == expected);
    std::array<double, lanes> busy{};
    double end = 0;
    for (const auto& span : expected) {
      busy[static_cast<std::size_t>(span.lane)] += span.end - span.begin;
      end = std::max(end, span.end);
    }
    REQUIRE(timeline.busy == busy);
    REQUIRE(timeline.end == end);
  }
}

TEST_CASE("a copy overlaps with the run of the unit before it, and waits for its slot",
          "[zero][simulate]") {
  // Two slots serve three units: a copy takes 2 ms and a run 3 ms, so the runs never pause after
  // the first copy, and the copy of unit 2 begins when unit 0 is released.
  std::vector<Unit> units(3);
  for (auto& unit : units) unit.run_bytes = unit.stored_bytes = 4000;
  const Placement placement(3, Place{.tier = 0});
  const auto plan = plan_pass(units, placement, {false}, 2UL * 4096, Mode::once);
  const auto timeline = simulate(plan, units, placement, round_rates({3e-3, 3e-3, 3e-3}), 1);
  const auto span = [&](Kind kind, uint32_t unit) {
    const auto found = std::ranges::find_if(
        timeline.spans, [&](const Span& s) { return s.kind == kind && s.unit == unit; });
    REQUIRE(found != timeline.spans.end());
    return std::pair{found->begin, found->end};
  };
  const auto is = [](std::pair<double, double> at, double begin, double end) {
    return at.first == Approx(begin).margin(1e-12) && at.second == Approx(end).margin(1e-12);
  };
  CHECK(is(span(Kind::fetch, 0), 0, 2e-3));
  CHECK(is(span(Kind::fetch, 1), 2e-3, 4e-3));
  CHECK(is(span(Kind::run, 0), 2e-3, 5e-3));
  CHECK(is(span(Kind::fetch, 2), 5e-3, 7e-3));
  CHECK(is(span(Kind::run, 1), 5e-3, 8e-3));
  CHECK(is(span(Kind::run, 2), 8e-3, 11e-3));
  CHECK(timeline.end == Approx(11e-3));
  CHECK(timeline.busy[static_cast<std::size_t>(Lane::copy)] == Approx(6e-3));
  CHECK(timeline.busy[static_cast<std::size_t>(Lane::compute)] == Approx(9e-3));
  CHECK(timeline.busy[static_cast<std::size_t>(Lane::io)] == 0);
}

TEST_CASE("shards are read, gathered, expanded and run at the rates of their lanes",
          "[zero][simulate]") {
  // Two ranks read 1600 of 3200 stored bytes each: 1.6 ms of the disk, 0.4 ms of the network, then
  // 3200 + 4800 bytes of expansion are 1 ms.
  std::vector<Unit> units(1);
  units[0].stored_bytes = 3200;
  units[0].run_bytes = 4800;
  units[0].expands = true;
  const Placement placement{{.tier = 0, .as_run = false}};
  const auto plan = plan_pass(units, placement, {true}, 1 << 20, Mode::once, 2);
  const auto timeline = simulate(plan, units, placement, round_rates({2e-3}), 1, 2);
  REQUIRE(timeline.spans.size() == 5);
  const std::array ends{1.6e-3, 2e-3, 3e-3, 5e-3};
  for (std::size_t i = 0; i < ends.size(); ++i) CHECK(timeline.spans[i].end == Approx(ends[i]));
  CHECK(timeline.spans[0].lane == Lane::io);
  CHECK(timeline.spans[1].lane == Lane::comm);
  CHECK(timeline.spans[2].kind == Kind::expand);
  CHECK(timeline.end == timeline.spans[3].end);
}

TEST_CASE("a plan that the executor refuses is not simulated", "[zero][simulate]") {
  std::vector<Unit> units(1);
  units[0].run_bytes = units[0].stored_bytes = 64;
  const Placement placement{{.tier = 0}};
  auto plan = plan_pass(units, placement, {false}, 1 << 20, Mode::once);
  plan.prologue.clear();
  REQUIRE_THROWS_WITH(simulate(plan, units, placement, {}, 1),
                      Catch::Contains("run of unit 0, which is away"));
}
