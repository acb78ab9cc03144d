#include "core/train/step_uses.hpp"

#include <catch2/catch.hpp>

#include "core/zero/plan.hpp"

using namespace strata;
using namespace strata::train;
using zero::Object, zero::Use;
using Part = StepUnit::Part;

namespace {

constexpr uint64_t weights = 8192, packed = 4096;
constexpr uint32_t embedding = 0, body = 1, expert = 2, head = 3, table = 4, products = 5;

// A frozen model with an expert and a table apart, whose body and head are packed.
std::vector<StepUnit> frozen() {
  return {{.part = Part::embedding},
          {.part = Part::body, .stored = packed, .run = weights, .input = 64},
          {.part = Part::expert, .stored = packed, .run = weights},
          {.part = Part::head, .stored = packed, .run = weights, .input = 64},
          {.part = Part::table, .run = weights},
          {.part = Part::products,
           .weights = Object::Home::kept,
           .run = weights,
           .gradient = weights,
           .trained = true}};
}

std::vector<zero::Unit> units_of(std::span<const StepUnit> step) {
  std::vector<zero::Unit> out;
  for (const auto& unit : step) {
    out.push_back({});
    out.back().name = "unit " + std::to_string(out.size());
    out.back().run_bytes = unit.run;
    out.back().stored_bytes = unit.stored;
  }
  return out;
}

std::vector<std::pair<Use::Kind, uint32_t>> order(const zero::Uses& uses) {
  std::vector<std::pair<Use::Kind, uint32_t>> out;
  for (const auto& use : uses.uses) out.emplace_back(use.kind, use.unit);
  return out;
}

constexpr auto run = Use::Kind::run, rerun = Use::Kind::rerun, update = Use::Kind::update;

}  // namespace

TEST_CASE("products are run before all other units and rerun behind them", "[train][uses]") {
  const auto units = frozen();
  const auto uses = step_uses(units, table, {.micro_batches = 2});
  const std::vector<std::pair<Use::Kind, uint32_t>> once{
      {run, products}, {run, embedding},   {run, body},      {rerun, head},
      {rerun, body},   {rerun, embedding}, {rerun, products}};
  auto expected = once;
  expected.insert(expected.end(), once.begin(), once.end());
  expected.emplace_back(update, products);
  CHECK(order(uses) == expected);
  CHECK(order(scoring_uses(units)) ==
        std::vector<std::pair<Use::Kind, uint32_t>>{
            {run, products}, {run, embedding}, {run, body}, {run, head}});
}

TEST_CASE("frozen units have no gradient, and only the products' is stored", "[train][uses]") {
  const auto units = frozen();
  const auto uses = step_uses(units, table, {.micro_batches = 3});
  uint32_t gradients = 0;
  for (const auto& use : uses.uses) {
    if (use.gradient == zero::no_object) continue;
    CHECK(use.unit == products);
    if (use.kind == rerun) ++gradients;
  }
  CHECK(gradients == 3);
  const auto made = units_of(units);
  const auto plan = zero::plan_uses(uses, made, {}, 1 << 20, zero::Mode::step);
  uint32_t stores = 0, reductions = 0, updates = 0;
  for (const auto& action : plan.pass) {
    if (action.kind == zero::Kind::store && plan.objects[action.object].kind != Object::Kind::input)
      ++stores;
    if (action.kind == zero::Kind::reduce) ++reductions;
    if (action.kind == zero::Kind::update) ++updates;
  }
  CHECK(stores == 3);
  CHECK(reductions == 3);
  CHECK(updates == 1);
}

TEST_CASE("the products' weights are fetched once a step, behind their update", "[train][uses]") {
  const auto units = frozen();
  const auto made = units_of(units);
  const auto plan = zero::plan_uses(step_uses(units, table, {.micro_batches = 2}), made, {},
                                    1 << 20, zero::Mode::step);
  REQUIRE(plan.wraps);
  std::size_t fetched = 0, updated = 0;
  uint32_t fetches = 0;
  for (std::size_t a = 0; a < plan.pass.size(); ++a) {
    const auto& action = plan.pass[a];
    if (action.unit != products) continue;
    if (action.kind == zero::Kind::update) updated = a;
    if (action.kind != zero::Kind::fetch) continue;
    ++fetches;
    fetched = a;
    CHECK(std::ranges::count(action.after, zero::Wait{products, zero::Stage::updated}) == 1);
  }
  CHECK(fetches == 1);
  CHECK(fetched > updated);
}

TEST_CASE("packed frozen units are expanded after each fetch", "[train][uses]") {
  const auto units = frozen();
  const auto made = units_of(units);
  const auto plan =
      zero::plan_uses(step_uses(units, table, {}), made, {}, 1 << 20, zero::Mode::step);
  uint32_t fetches = 0, expansions = 0;
  for (const auto& action : plan.pass) {
    const auto& object = plan.objects[action.object];
    const bool of_base = object.kind == Object::Kind::weights && action.unit != products;
    if (action.kind == zero::Kind::fetch && of_base) ++fetches;
    if (action.kind == zero::Kind::expand) ++expansions;
  }
  CHECK(fetches > 0);
  CHECK(expansions == fetches);
}
