// Updates that begin while the backward of other units runs.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "core/train/step_uses.hpp"
#include "core/zero/plan.hpp"
#include "core/zero/simulate.hpp"

using namespace strata;
using namespace strata::train;
using zero::Object, zero::Use;
using Part = StepUnit::Part;

namespace {

constexpr uint64_t weights = 8192;
constexpr uint32_t no_table = ~uint32_t{0};
constexpr auto run = Use::Kind::run, rerun = Use::Kind::rerun, update = Use::Kind::update;

StepUnit unit_of(Part part, uint64_t bytes = weights, Object::Home home = Object::Home::tier) {
  StepUnit unit{.part = part, .weights = home, .run = bytes, .trained = true};
  if (part == Part::body || part == Part::head) unit.input = 64;
  if (part != Part::table && part != Part::expert) unit.gradient = std::max<uint64_t>(bytes, 64);
  return unit;
}

// An embedding without weights of its own, so many layers, a head.
std::vector<StepUnit> layers(uint32_t count, uint32_t kept = 0) {
  std::vector<StepUnit> out{unit_of(Part::embedding, 0)};
  for (uint32_t l = 0; l < count; ++l) {
    const bool is_kept = l + kept >= count;
    out.push_back(unit_of(Part::body, weights, is_kept ? Object::Home::kept : Object::Home::tier));
  }
  out.push_back(unit_of(Part::head, weights, kept > 0 ? Object::Home::kept : Object::Home::tier));
  return out;
}

// Two layers with experts between an embedding and a head; the second layer is larger.
std::vector<StepUnit> mixture() {
  return {unit_of(Part::embedding, 64), unit_of(Part::body), unit_of(Part::expert, 4096),
          unit_of(Part::expert, 4096),  unit_of(Part::body), unit_of(Part::expert, 16384),
          unit_of(Part::expert, 16384), unit_of(Part::head)};
}

using Order = std::vector<std::pair<Use::Kind, uint32_t>>;

// The uses behind the last forward.
Order backward(const zero::Uses& uses) {
  Order out;
  for (const auto& use : uses.uses) {
    if (use.kind == run) out.clear();
    if (use.kind != run) out.emplace_back(use.kind, use.unit);
  }
  return out;
}

struct Planned {
  std::vector<zero::Unit> units;
  zero::Placement placement;
  zero::Plan plan;
};

Planned planned(std::span<const StepUnit> step, uint64_t budget, const StepShape& shape) {
  Planned out;
  for (const auto& unit : step) {
    out.units.push_back({});
    out.units.back().name = "unit " + std::to_string(out.units.size());
    out.units.back().run_bytes = out.units.back().stored_bytes = unit.run;
    out.placement.push_back({.tier = 0});
  }
  out.plan =
      zero::plan_uses(step_uses(step, no_table, shape), out.units, {}, budget, zero::Mode::step);
  return out;
}

// Seconds between the ends of two steps in a row, far from the beginning. A layer's run takes a
// second, its update `adam`, and each transfer of its weights `link`.
double step_seconds(const Planned& of, double adam, double link) {
  constexpr double bytes = weights;
  zero::Rates rates;
  rates.link = rates.back = bytes / link;
  rates.memory = 1e6 * bytes;
  rates.update = adam * 1e6;
  rates.run.assign(of.units.size(), 1);
  rates.run.front() = 0;
  const auto end = [&](int passes) {
    double last = 0;
    for (const auto& span : zero::simulate(of.plan, of.units, of.placement, rates, passes).spans)
      if (span.kind == zero::Kind::rerun) last = span.end;
    return last;
  };
  return (end(12) - end(8)) / 4;
}

}  // namespace

TEST_CASE("an early update follows the rerun that makes its gradient whole", "[train][uses]") {
  const auto micro_batches = GENERATE(1u, 3u);
  const StepShape shape{.micro_batches = micro_batches, .early_updates = true};
  auto units = mixture();
  SECTION("of a layer its experts follow, and a table of its own is last") {
    units.push_back(unit_of(Part::table, 512));
    CHECK(backward(step_uses(units, 8, shape)) == Order{{rerun, 7},
                                                        {update, 7},
                                                        {rerun, 4},
                                                        {update, 4},
                                                        {update, 5},
                                                        {update, 6},
                                                        {rerun, 1},
                                                        {update, 1},
                                                        {update, 2},
                                                        {update, 3},
                                                        {rerun, 0},
                                                        {update, 8},
                                                        {update, 0}});
  }
  SECTION("a head that holds the table waits for the embedding") {
    CHECK(backward(step_uses(units, 7, shape)) == Order{{rerun, 7},
                                                        {rerun, 4},
                                                        {update, 4},
                                                        {update, 5},
                                                        {update, 6},
                                                        {rerun, 1},
                                                        {update, 1},
                                                        {update, 2},
                                                        {update, 3},
                                                        {rerun, 0},
                                                        {update, 7},
                                                        {update, 0}});
  }
  SECTION("a layer of a quarter of the weights so far is late") {
    units = layers(5);
    CHECK(backward(step_uses(units, no_table, shape)) == Order{{rerun, 6},
                                                               {update, 6},
                                                               {rerun, 5},
                                                               {update, 5},
                                                               {rerun, 4},
                                                               {rerun, 3},
                                                               {update, 3},
                                                               {rerun, 2},
                                                               {update, 2},
                                                               {rerun, 1},
                                                               {update, 1},
                                                               {rerun, 0},
                                                               {update, 0},
                                                               {update, 4}});
  }
}

TEST_CASE("early updates change the order of updates alone, and no unit is used behind its own",
          "[train][uses]") {
  const auto kept = GENERATE(0u, 4u, 10u);
  const auto micro_batches = GENERATE(1u, 2u);
  const auto units = layers(10, kept);
  StepShape shape{.micro_batches = micro_batches, .inputs_in_tier = kept == 4};
  const auto late = step_uses(units, no_table, shape);
  shape.early_updates = true;
  const auto early = step_uses(units, no_table, shape);
  const auto runs = [](const zero::Uses& uses) {
    Order out;
    for (const auto& use : uses.uses)
      if (use.kind != update) out.emplace_back(use.kind, use.unit);
    return out;
  };
  CHECK(runs(early) == runs(late));
  CHECK(early.uses.size() == late.uses.size());
  std::vector<bool> updated(units.size());
  for (const auto& use : early.uses) {
    CHECK_FALSE(updated[use.unit]);
    if (use.kind == update) updated[use.unit] = true;
  }
  CHECK(std::ranges::count(updated, true) == static_cast<std::ptrdiff_t>(units.size()));
}

TEST_CASE("a step with early updates takes the time of its slowest resource", "[train][uses]") {
  const uint32_t count = 24, kept = GENERATE(0u, 24u);
  const auto units = layers(count, kept);
  const uint64_t budget = (kept + 40) * weights * 2;
  const auto late = planned(units, budget, {}),
             early = planned(units, budget, {.early_updates = true});
  const double forward = count, backward = 3 * (count + 1);
  for (const double adam : {0.5, 2.0, 4.0, 8.0, 16.0}) {
    const double all = adam * (count + 1), bound = std::max(forward + backward, all);
    CAPTURE(kept, adam, bound);
    const auto seconds = step_seconds(early, adam, 0.01);
    CHECK(seconds >= 0.99 * bound);
    CHECK(seconds <= 1.2 * bound);
    CHECK(step_seconds(late, adam, 0.01) >= 0.99 * (backward + std::max(all, forward)));
  }
  // A link that takes longer than the computation. Weights that are kept come behind the gradients,
  // and a quarter of them behind a late update.
  const double moved = kept > 0 ? 1.25 * (count + 1) : 2 * count + 1;
  CHECK(step_seconds(early, 0.5, 5) <= 1.2 * 5 * moved);
}
