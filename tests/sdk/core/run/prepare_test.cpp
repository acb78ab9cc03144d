#include "core/run/prepare.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/sdk/core/run/made_session.hpp"

using namespace strata;
using namespace strata::run;
using made::Offload;

namespace {

Wish random_wish(std::mt19937& random) {
  auto wish = made::wish_of(static_cast<Offload>(random() % 3), {});
  if (random() % 5 == 0) wish.tiers.clear(), wish.reads.clear();
  for (std::size_t t = 0; t < wish.tiers.size(); ++t)
    wish.tiers[t].runs_units = !wish.reads[t] && random() % 2;
  wish.fill_device = wish.tiers.empty() || random() % 2;
  wish.sequences = 1 + static_cast<uint32_t>(random() % 5);
  wish.tokens = static_cast<int64_t>(random() % 40);
  wish.prompt = 1 + static_cast<int64_t>(random() % 60);
  wish.all_logits = random() % 4 == 0;
  wish.separate_device = random() % 2;
  return wish;
}

uint64_t least_named(const Model& model, Wish wish, uint64_t budget) {
  wish.device_memory = budget;
  try {
    prepare(model, wish);
  } catch (const Error& e) {
    const std::string words = e.what();
    REQUIRE_THAT(words, Catch::StartsWith("--device-memory: "));
    return std::stoull(words.substr(words.find("at least ") + 9));
  }
  FAIL("a budget of " << budget << " was not refused");
  return 0;
}

// Five learned positions.
struct Placed {
  explicit Placed(const Config&) {}
  void declare(Declarer& d) const {
    d.embedding().weight("embed.weight", {9, 4}).weight("at.weight", {5, 4});
    d.head().weight("head.weight", {8, 4});
  }
  Tensor forward(const Ops& op, int64_t unit, Tensor x) const {
    return unit == 0 ? op.embedding(x, "embed") + op.positions("at") : op.linear(x, "head");
  }
};

}  // namespace

TEST_CASE("a sequence that learned positions do not reach is refused", "[run][prepare]") {
  const Opened<Placed> family;
  Model model;
  model.path = "MODEL";
  model.family = std::shared_ptr<const plugin::Family>(&*family, [](const auto*) {});
  Wish wish;
  wish.sequences = 2, wish.tokens = 5, wish.prompt = 10;
  REQUIRE(prepare(model, wish).resident);
  wish.tokens = 6;
  REQUIRE_THROWS_WITH(prepare(model, wish),
                      Catch::Contains("MODEL: it has learned 5 positions, not 6"));
}

TEST_CASE("the least budget that a refusal names is accepted, and one byte less is refused",
          "[run][prepare]") {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    std::mt19937 random(seed);
    const made::MadeModel model(seed);
    auto wish = random_wish(random);
    const auto least = least_named(model.model, wish, 0);
    INFO("seed " << seed << ", least " << least);
    REQUIRE(least_named(model.model, wish, least - 1) == least);
    wish.device_memory = least;
    REQUIRE(prepare(model.model, wish).device_bytes <= least);
  }
}

TEST_CASE("a run stays in every budget from the least one on, with room for a token a sequence",
          "[run][prepare]") {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    std::mt19937 random(seed);
    const made::MadeModel model(seed);
    auto wish = random_wish(random);
    const auto least = least_named(model.model, wish, 0);
    for (uint64_t more = 0; more < 400'000; more = more * 2 + 1 + random() % 3000) {
      INFO("seed " << seed << ", budget " << least + more);
      wish.device_memory = least + more;
      const auto out = prepare(model.model, wish);
      REQUIRE(out.device_bytes <= least + more);
      REQUIRE(out.device_bytes ==
              out.arena_bytes + out.kv_bytes + out.activation_bytes + out.expansion_bytes);
      REQUIRE(out.arena_bytes >= out.plan.arena + out.rows_bytes);
      REQUIRE(out.arena_bytes >= out.plan.fixed + out.scratch_bytes + out.rows_bytes);
      REQUIRE(out.chunk >= static_cast<int64_t>(wish.sequences));
      if (!out.resident && !out.tied) REQUIRE(out.table_place.tier < wish.tiers.size());
    }
  }
}

TEST_CASE("units that run in their tier leave the device's budget to others", "[run][prepare]") {
  int filled = 0;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    const made::MadeModel model(seed);
    auto wish = made::wish_of(Offload::memory, {});
    const auto copied = prepare(model.model, wish);
    wish.tiers[0].runs_units = true;
    const auto none = prepare(model.model, wish);
    REQUIRE(none.plan.moved == 0);
    REQUIRE(none.plan.arena == 0);
    REQUIRE(none.plan.experts.count == 0);
    REQUIRE(none.tier_bytes == copied.tier_bytes);
    wish.fill_device = true;
    const auto least = least_named(model.model, wish, 0);
    const auto all = copied.tier_bytes.at(0);
    for (uint64_t more = 0; more < all; more += 1 + all / 9) {
      wish.device_memory = least + more;
      const auto out = prepare(model.model, wish);
      if (out.resident) break;
      REQUIRE(out.plan.moved == 0);
      uint64_t held = 0;
      for (std::size_t u = 0; u < out.units.size(); ++u)
        if (out.placement[u].tier == zero::resident) held += out.units[u].run_bytes;
      REQUIRE(out.tier_bytes.at(0) + held == all);
      filled += held > 0 ? 1 : 0;
    }
  }
  REQUIRE(filled > 60);
}

TEST_CASE("weights that no tier has room for are refused, with the embedding's table",
          "[run][prepare]") {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    const made::MadeModel model(seed);
    auto wish = made::wish_of(Offload::memory, {});
    const auto all = prepare(model.model, wish).tier_bytes.at(0);
    wish.tiers[0].capacity = all;
    REQUIRE(prepare(model.model, wish).tier_bytes.at(0) == all);
    wish.tiers[0].capacity = all - 1;
    REQUIRE_THROWS_WITH(prepare(model.model, wish),
                        Catch::StartsWith("placement: ") && Catch::Contains("--host-memory"));
  }
}
