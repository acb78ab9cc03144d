// The plan of a step over several ranks.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "core/train/prepare.hpp"
#include "core/zero/simulate.hpp"
#include "tests/sdk/core/run/made_model.hpp"
#include "tests/sdk/core/train/least_memory.hpp"

using namespace strata;
using namespace strata::train;
using zero::Action, zero::Kind, zero::Object, zero::Stage;

namespace {

TrainingRequest request_of(const run::Model& model, uint32_t seed, uint32_t ranks) {
  TrainingRequest request;
  if (seed % 2) request.dtype = {STRATA_BFLOAT, 16, 1};
  request.tokens = request.longest = 5;
  request.micro_batches = 1 + seed % 3;
  request.ranks = ranks;
  request.rank = seed % ranks;
  request.whole_below = seed % 4 == 0 ? 2000 : 0;
  request.inputs_in_tier = seed % 5 == 0;
  request.early_updates = seed % 3 == 0;
  request.fill_device = seed % 4 == 1;
  if (seed % 4 > 1) request.device_memory = made::least_of(model, request) + (seed << 10);
  return request;
}

bool is_of(const zero::Plan& plan, const Action& action, Kind kind, Object::Kind object) {
  return action.kind == kind && plan.objects[action.object].kind == object;
}

bool waits_for(const Action& action, uint32_t object, Stage stage) {
  return std::ranges::find(action.after, zero::Wait{object, stage}) != action.after.end();
}

uint32_t count(std::span<const Action> actions, Kind kind) {
  return static_cast<uint32_t>(std::ranges::count(actions, kind, &Action::kind));
}

// Whether the weights of each fetch are gathered behind it, and whole ones are not.
void check_gathers(const TrainingPlan& plan, std::span<const Action> actions) {
  for (std::size_t a = 0; a < actions.size(); ++a) {
    const auto& action = actions[a];
    if (!is_of(plan.step, action, Kind::fetch, Object::Kind::weights)) continue;
    INFO("unit " << action.unit << ", " << plan.units[action.unit].name);
    const auto gather = std::find_if(
        actions.begin() + static_cast<std::ptrdiff_t>(a), actions.end(), [&](const Action& one) {
          return one.kind == Kind::gather && one.object == action.object && one.use == action.use;
        });
    if (plan.shares.at(action.unit).whole) {
      CHECK(plan.step.objects[action.object].whole);
      CHECK((gather == actions.end()));
      continue;
    }
    CHECK_FALSE(plan.step.objects[action.object].whole);
    REQUIRE((gather != actions.end()));
    CHECK(gather->lane == zero::Lane::comm);
    CHECK(waits_for(*gather, action.object, Stage::fetched));
  }
}

}  // namespace

TEST_CASE("a step on ranks gathers the weights that are cut alone", "[train][ranks]") {
  uint32_t cut = 0, whole = 0;
  for (uint32_t seed = 0; seed < 36; ++seed) {
    const made::MadeModel model(seed);
    const uint32_t ranks = 2 + seed % 3;
    const auto plan = prepare_training(model.model, request_of(model.model, seed, ranks));
    INFO("seed " << seed << ", " << ranks << " ranks");
    REQUIRE(plan.shares.size() == plan.units.size());
    check_gathers(plan, plan.step.prologue);
    check_gathers(plan, plan.step.pass);
    for (const auto* actions : {&plan.step.prologue, &plan.step.pass})
      for (const auto& action : *actions)
        if (is_of(plan.step, action, Kind::fetch, Object::Kind::weights))
          ++(plan.shares[action.unit].whole ? whole : cut);
  }
  CHECK(cut > 0);
  CHECK(whole > 0);
}

TEST_CASE("gradients are summed over ranks on lane comm before they are stored", "[train][ranks]") {
  for (uint32_t seed = 0; seed < 36; ++seed) {
    const made::MadeModel model(seed);
    const uint32_t ranks = 2 + seed % 3;
    const auto plan = prepare_training(model.model, request_of(model.model, seed, ranks)).step;
    INFO("seed " << seed << ", " << ranks << " ranks");
    std::map<uint32_t, uint32_t> scattered;  // by use: the gradient's object
    uint32_t stores = 0;
    for (const auto& action : plan.pass) {
      if (action.kind == Kind::scatter) {
        CHECK(action.lane == zero::Lane::comm);
        CHECK(plan.objects[action.object].kind == Object::Kind::gradient);
        CHECK(scattered.emplace(action.use, action.object).second);
      }
      if (!is_of(plan, action, Kind::store, Object::Kind::gradient)) continue;
      ++stores;
      INFO("use " << action.use << " of unit " << action.unit);
      REQUIRE(scattered.contains(action.use));
      CHECK(scattered.at(action.use) == action.object);
      CHECK(waits_for(action, action.object, Stage::scattered));
    }
    CHECK(stores > 0);
    CHECK(count(plan.pass, Kind::scatter) >= stores);
  }
}

TEST_CASE("a group of one has everything, in units that are cut into one part", "[train][ranks]") {
  uint32_t cut = 0;
  for (uint32_t seed = 0; seed < 36; ++seed) {
    const made::MadeModel model(seed);
    auto request = request_of(model.model, seed, 1);
    request.device_memory.reset();
    const auto alone = prepare_training(model.model, request);
    request.group_of_one = true;
    const auto plan = prepare_training(model.model, request);
    INFO("seed " << seed);
    check_gathers(plan, plan.step.prologue);
    check_gathers(plan, plan.step.pass);
    CHECK(count(plan.step.pass, Kind::scatter) > 0);
    CHECK(plan.state_bytes == alone.state_bytes);
    for (uint32_t u = 0; u < plan.units.size(); ++u) {
      const auto own = plan.share(u), all = alone.share(u);
      CHECK(own.each == all.each);
      CHECK((own.first == 0 && own.count == all.count));
      CHECK((own.from == 0 && own.bytes == all.bytes));
      cut += own.whole ? 0 : 1;
    }
  }
  CHECK(cut > 0);
}

TEST_CASE("one rank has no share, gathers nothing and scatters nothing", "[train][ranks]") {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const made::MadeModel model(seed);
    const auto plan = prepare_training(model.model, request_of(model.model, seed, 1));
    for (const auto* actions : {&plan.step.prologue, &plan.step.pass})
      CHECK((count(*actions, Kind::gather) == 0 && count(*actions, Kind::scatter) == 0));
  }
}

TEST_CASE("the timeline of a step on ranks has its gathers and scatters", "[train][ranks]") {
  for (uint32_t seed = 0; seed < 24; ++seed) {
    const made::MadeModel model(seed);
    const uint32_t ranks = 2 + seed % 3;
    const auto training = prepare_training(model.model, request_of(model.model, seed, ranks));
    const auto& plan = training.step;
    zero::Rates rates;
    rates.run.assign(training.units.size(), 1);
    const auto timeline = zero::simulate(plan, training.units, training.placement, rates, 3, ranks);
    const auto spans = [&](Kind kind) {
      return static_cast<uint32_t>(std::ranges::count_if(timeline.spans, [&](const auto& span) {
        return span.kind == kind && span.lane == zero::Lane::comm;
      }));
    };
    INFO("seed " << seed << ", " << ranks << " ranks");
    CHECK(spans(Kind::scatter) == 3 * count(plan.pass, Kind::scatter));
    CHECK(spans(Kind::gather) == 3 * count(plan.pass, Kind::gather) +
                                     (plan.wraps ? 1 : 3) * count(plan.prologue, Kind::gather));
  }
}
