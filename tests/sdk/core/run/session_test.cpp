#include "core/run/session.hpp"

#include <catch2/catch.hpp>

#include "tests/sdk/core/run/made_session.hpp"

using namespace strata;
using namespace strata::run;
using made::Offload;

namespace {

std::string options(uint32_t seed) {
  return R"({"align": )" + std::to_string(512 << seed % 4) + R"(, "queue": )" +
         std::to_string(1 + seed % 6) + R"(, "max_io": )" + std::to_string(8192 << seed % 3) +
         R"(, "seed": )" + std::to_string(seed) + "}";
}

// The budget that a refusal names as enough.
uint64_t least_budget(const Model& model, Wish wish) {
  wish.device_memory = 1;
  wish.fill_device = true;
  try {
    prepare(model, wish);
  } catch (const Error& e) {
    const std::string words = e.what();
    return std::stoull(words.substr(words.find("at least ") + 9));
  }
  return 0;
}

}  // namespace

TEST_CASE("every unit sees exactly its bytes in every pass, whatever lies where",
          "[run][session]") {
  made::Opener opener;
  int opened = 0, mixed = 0;
  for (uint32_t seed = 0; seed < 40; ++seed) {
    const made::MadeModel model(seed);
    const auto offload = static_cast<Offload>(seed % 3);
    const uint64_t memory = seed % 2 ? ~uint64_t{0} : 60'000;
    const auto least = offload == Offload::memory
                           ? 60'000
                           : least_budget(model.model, made::wish_of(offload, {}, memory));
    const auto budget = seed % 4 == 0 ? std::nullopt : std::optional(least + seed * 977 % 120'000);
    const auto wish = made::wish_of(offload, budget, memory);
    made::Seen seen;
    INFO("seed " << seed);
    std::unique_ptr<Session> session;
    try {
      session = made::open_session(opener, model, seen, wish, options(seed), options(seed + 1));
    } catch (const Error& e) {
      INFO(e.what());
      REQUIRE(offload == Offload::memory);  // whose room is small
      REQUIRE_THAT(e.what(),
                   Catch::StartsWith("placement: ") || Catch::StartsWith("--device-memory: "));
      continue;
    }
    ++opened;
    constexpr uint32_t passes = 4;
    for (uint32_t n = 0; n < passes; ++n) made::pass(*session, n);
    session->finish();
    REQUIRE(seen.wrong == 0);
    const auto& units = session->prepared().units;
    const auto experts =
        static_cast<std::size_t>(std::ranges::count_if(units, &zero::Unit::is_expert));
    REQUIRE(seen.runs == passes * (units.size() - experts));
    REQUIRE((experts == 0 || seen.experts > 0));
    mixed += experts > 0 && !session->prepared().resident ? 1 : 0;
    const auto moved = session->moved();
    REQUIRE(moved.counted == moved.planned);
    if (!session->prepared().resident)
      REQUIRE(moved.counted >= passes * session->prepared().plan.moved);
    if (budget) REQUIRE(session->prepared().device_bytes <= *budget);
  }
  REQUIRE(opened >= 30);
  REQUIRE(mixed >= 5);
}

TEST_CASE("units run in memory that the device reads: no byte of them is moved", "[run][session]") {
  made::Opener opener;
  int some = 0, mixed = 0;
  for (uint32_t seed = 0; seed < 40; ++seed) {
    const made::MadeModel model(seed);
    const auto offload = seed % 2 ? Offload::memory : Offload::both;
    const uint64_t memory = seed % 2 ? ~uint64_t{0} : 60'000;
    auto wish = made::wish_of(offload, {}, memory);
    wish.tiers[0].runs_units = true;
    if (seed % 4 > 1) {
      wish.device_memory = least_budget(model.model, wish) + seed * 977 % 120'000;
      wish.fill_device = true;
    }
    made::Seen seen;
    INFO("seed " << seed);
    const auto session =
        made::open_session(opener, model, seen, wish, options(seed), options(seed + 1));
    constexpr uint32_t passes = 3;
    for (uint32_t n = 0; n < passes; ++n) made::pass(*session, n);
    session->finish();
    REQUIRE(seen.wrong == 0);
    const auto& prepared = session->prepared();
    for (std::size_t u = 0; u < prepared.units.size(); ++u) {
      const auto& place = prepared.placement[u];
      REQUIRE(place.runs_in_tier == (place.tier == 0));
      some += place.runs_in_tier ? 1 : 0;
      mixed += place.streams() ? 1 : 0;
    }
    const auto moved = session->moved();
    REQUIRE(moved.counted == moved.planned);
    if (offload == Offload::memory) REQUIRE(moved.counted == 0);
    if (wish.device_memory) REQUIRE(prepared.device_bytes <= *wish.device_memory);
  }
  REQUIRE(some > 40);
  REQUIRE(mixed > 10);
}

TEST_CASE("a byte changed in that memory reaches the unit that runs there", "[run][session]") {
  made::Opener opener;
  for (uint32_t seed = 0; seed < 8; ++seed) {
    const made::MadeModel model(seed);
    made::Seen seen;
    auto wish = made::wish_of(Offload::memory, {});
    wish.tiers[0].runs_units = true;
    const auto session = made::open_session(opener, model, seen, wish);
    made::pass(*session, 0);
    REQUIRE(seen.wrong == 0);
    const auto& head = session->prepared().units.back().weights.back();
    const auto* at = session->streaming_parts(0).origins.back().mapped + head.run.at;
    auto& byte = *const_cast<std::byte*>(at);
    byte ^= std::byte{1};
    made::pass(*session, 1);
    REQUIRE(seen.wrong > 0);
  }
}

TEST_CASE("a corrupted byte reaches the unit, so that the check above can fail", "[run][session]") {
  made::Opener opener;
  uint64_t wrong = 0;
  for (uint32_t seed = 0; seed < 8; ++seed) {
    const made::MadeModel model(seed);
    made::Seen seen;
    const auto session = made::open_session(opener, model, seen, made::wish_of(Offload::files, {}),
                                            R"({"flip_at": 0})");
    made::pass(*session, 0);
    session->finish();
    wrong += seen.wrong;
  }
  REQUIRE(wrong > 0);
}

TEST_CASE("a read that fails in a pass ends it, names the file, and refuses later passes",
          "[run][session]") {
  made::Opener opener;
  for (uint32_t seed = 0; seed < 6; ++seed)
    for (const int at : {0, 1, 3, 9}) {
      const made::MadeModel model(seed);
      made::Seen seen;
      const auto session =
          made::open_session(opener, model, seen, made::wish_of(Offload::files, {}),
                             R"({"fail_at": )" + std::to_string(at) + "}");
      std::string words;
      for (uint32_t n = 0; n < 12 && words.empty(); ++n) try {
          made::pass(*session, n);
        } catch (const Error& e) {
          words = e.what();
        }
      REQUIRE_THAT(
          words, Catch::Contains(model.folder.path("model-")) && Catch::Contains("the disk burns"));
      REQUIRE(seen.wrong == 0);
      REQUIRE_THROWS_WITH(made::pass(*session, 0), Catch::Contains("earlier pass failed"));
    }
}

TEST_CASE("a read that fails while loading ends the loading with its words", "[run][session]") {
  made::Opener opener;
  const auto fault = GENERATE("fail_at", "refuse_at", "deaf");
  for (uint32_t seed = 0; seed < 6; ++seed) {
    const made::MadeModel model(seed);
    made::Seen seen;
    REQUIRE_THROWS_WITH(
        made::open_session(opener, model, seen, made::wish_of(Offload::memory, {}), "{}",
                           "{\"" + std::string(fault) + R"(": 2, "queue": 2})"),
        Catch::StartsWith("offload/made: "));
  }
}

TEST_CASE("arithmetic that fails ends the pass with its words", "[run][session]") {
  made::Opener opener;
  const auto offload = GENERATE(Offload::files, Offload::memory);
  for (const int64_t at : {0, 1, 2, 5}) {
    const made::MadeModel model(4);
    made::Seen seen;
    seen.fail_at = at;
    const auto session = made::open_session(opener, model, seen, made::wish_of(offload, {}));
    const auto passes = [&] {
      for (uint32_t n = 0; n < 6; ++n) made::pass(*session, n);
    };
    REQUIRE_THROWS_WITH(passes(), Catch::Contains("compute: it cannot run"));
    REQUIRE_THROWS_WITH(made::pass(*session, 0), Catch::Contains("earlier pass failed"));
  }
}

TEST_CASE("a session may end at once, or with fetches under way", "[run][session]") {
  made::Opener opener;
  for (uint32_t seed = 0; seed < 18; ++seed) {
    const made::MadeModel model(seed);
    made::Seen seen;
    const auto session = made::open_session(
        opener, model, seen, made::wish_of(static_cast<Offload>(seed % 3), {}), options(seed));
    for (uint32_t n = 0; n < seed % 3; ++n) made::pass(*session, n);
    REQUIRE(seen.wrong == 0);
  }
}

TEST_CASE("a pass of too many tokens, or of one that there is not, is refused", "[run][session]") {
  made::Opener opener;
  const made::MadeModel model(2);
  made::Seen seen;
  const auto session = made::open_session(opener, model, seen, made::wish_of(Offload::files, {}));
  std::vector<int32_t> ids(static_cast<std::size_t>(session->prepared().chunk) + 1, 0);
  REQUIRE_THROWS_WITH(session->pass({ids, {}, {}}), Catch::Contains("were planned for"));
  ids = {static_cast<int32_t>(session->vocabulary())};
  REQUIRE_THROWS_WITH(session->pass({ids, {}, {}}), Catch::Contains("the model has"));
}
