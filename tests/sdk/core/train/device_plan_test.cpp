// The preparation of training with states on the device.
#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "core/error.hpp"
#include "core/pages.hpp"
#include "core/train/prepare.hpp"
#include "tests/sdk/core/run/made_model.hpp"
#include "tests/sdk/core/train/least_memory.hpp"

using namespace strata;
using namespace strata::train;

namespace {

TrainingRequest request_of(uint32_t seed, double share) {
  TrainingRequest request;
  if (seed % 2) request.dtype = {STRATA_BFLOAT, 16, 1};
  request.tokens = request.longest = 5;
  request.micro_batches = 1 + seed % 3;
  request.fill_device = seed % 4 == 0;
  request.separate_device = seed % 5 == 0;
  request.device_share = share;
  return request;
}

bool movable(const TrainingPlan& plan, uint32_t u) {
  const auto& unit = plan.units[u];
  return unit.kind != STRATA_UNIT_EMBEDDING && !unit.is_expert() && u != plan.table_unit &&
         plan.flats[u].elements > 0;
}

double elements_on_device(const TrainingPlan& plan) {
  uint64_t out = 0;
  for (uint32_t u = 0; u < plan.units.size(); ++u)
    if (plan.on_device(u)) out += plan.flats[u].elements;
  return static_cast<double>(out);
}

}  // namespace

TEST_CASE("states of all units but the embedding and experts may lie on the device",
          "[train][device]") {
  for (uint32_t seed = 0; seed < 24; ++seed) {
    INFO("seed " << seed);
    const made::MadeModel model(seed);
    const auto host = prepare_training(model.model, request_of(seed, 0));
    const auto all = prepare_training(model.model, request_of(seed, 1));
    CHECK(host.device_states == 0);
    CHECK(host.states_on_device.empty());
    uint64_t weights = 0;
    for (uint32_t u = 0; u < all.units.size(); ++u) {
      REQUIRE(all.on_device(u) == movable(all, u));
      if (all.on_device(u)) weights += pages(all.units[u].run_bytes);
    }
    CHECK(all.weight_bytes + weights == host.weight_bytes);
    CHECK(all.state_bytes < host.state_bytes);
    CHECK(all.gradient_bytes < host.gradient_bytes);
    CHECK(all.arena_bytes >= all.device_states + weights);
  }
}

TEST_CASE("the units on the device are those whose share is nearest, the first ones first",
          "[train][device]") {
  for (uint32_t seed = 0; seed < 24; ++seed) {
    const made::MadeModel model(seed);
    const auto all = prepare_training(model.model, request_of(seed, 1));
    uint64_t parameters = 0;
    for (const auto& flat : all.flats) parameters += flat.elements;
    for (const double share : {0.1, 0.5, 0.9}) {
      INFO("seed " << seed << ", share " << share);
      const auto plan = prepare_training(model.model, request_of(seed, share));
      const auto wanted = share * static_cast<double>(parameters);
      const auto made = elements_on_device(plan);
      for (uint32_t u = 0; u < plan.units.size(); ++u) {
        if (!movable(plan, u) || plan.on_device(u)) continue;
        const auto more = made + static_cast<double>(plan.flats[u].elements);
        CHECK(std::abs(more - wanted) >= std::abs(made - wanted));
      }
      CHECK(plan.device_states <= all.device_states);
    }
  }
}

TEST_CASE("states on the device have room in the least budget, and in none below it",
          "[train][device]") {
  for (uint32_t seed = 0; seed < 24; ++seed) {
    const made::MadeModel model(seed);
    auto request = request_of(seed, seed % 2 ? 1 : 0.5);
    const auto least = made::least_of(model.model, request);
    INFO("seed " << seed << ", least " << least);
    request.device_memory = least - 1;
    CHECK_THROWS_WITH(prepare_training(model.model, request),
                      Catch::Contains("at least " + std::to_string(least)));
    for (const auto more : {0u, 1u << 12, 1u << 14, 1u << 18}) {
      request.device_memory = least + more;
      CHECK(prepare_training(model.model, request).device_bytes <= least + more);
    }
  }
}
