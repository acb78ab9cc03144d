// Several ranks, each with its own shard of every unit and experts of its own choice.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <thread>

#include "core/run/rank_part.hpp"
#include "tests/sdk/core/run/made_session.hpp"

using namespace strata;
using namespace strata::run;
using made::Offload;

namespace {

constexpr uint32_t four = 4;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint32_t passes_of_each = 40;
#else
constexpr uint32_t passes_of_each = 500;
#endif
using Chooses = std::function<bool(uint32_t rank, uint32_t expert)>;

// The result of one rank.
struct Outcome {
  made::Seen seen;
  Moved moved;
  uint64_t passes = 0, units = 0, own = 0;
  uint64_t needed = 0, hits = 0;
  std::string words;  // words of the failure that ended it
};

struct Run {
  uint32_t ranks = four;
  Offload offload = Offload::memory;
  std::optional<uint64_t> budget{};
  uint32_t passes = 1;
  Chooses chooses{};
  uint64_t whole_below = 0;
  int64_t dies_at = -1;  // the run at which rank 1 dies
};

void be(uint32_t rank, const made::MadeModel& model, const Run& how, made::Opener& opener,
        made::Meeting* meeting, Outcome& out) {
  auto wish = made::wish_of(how.offload, how.budget);
  wish.rank = rank;
  wish.ranks = how.ranks;
  wish.whole_below = how.whole_below;
  out.seen.chooses = [&how, rank](uint32_t expert) { return how.chooses(rank, expert); };
  if (rank == 1) out.seen.fail_at = how.dies_at;
  try {
    std::optional<made::Member> member;
    if (meeting) member.emplace(*meeting, rank);
    const auto session =
        made::open_session(opener, model, out.seen, wish, "{}", "{}", member ? &*member : nullptr);
    for (; out.passes < how.passes; ++out.passes)
      made::pass(*session, static_cast<uint32_t>(out.passes) + rank);
    session->finish();
    out.moved = session->moved();
    for (const auto& unit : session->prepared().units) out.units += unit.is_expert() ? 0 : 1;
    if (const auto* experts = session->experts()) {
      out.needed = experts->cache().needed();
      out.hits = experts->cache().hits();
    }
  } catch (const Error& e) {
    out.words = e.what();
  }
}

std::vector<Outcome> run_all(const made::MadeModel& model, const Run& how) {
  made::Meeting meeting(how.ranks);
  auto* where = how.ranks > 1 ? &meeting : nullptr;
  std::vector<Outcome> out(how.ranks);
  std::vector<made::Opener> openers(how.ranks);  // one thread opens plugins
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < how.ranks; ++rank)
    threads.emplace_back([&, rank] { be(rank, model, how, openers[rank], where, out[rank]); });
  for (auto& thread : threads) thread.join();
  return out;
}

// Seeds whose made models have layers of experts.
uint32_t mixture(uint32_t number) { return 3 * number + 1; }

uint64_t least_budget(const made::MadeModel& model, Offload offload) {
  auto wish = made::wish_of(offload, 1);
  wish.ranks = four;
  try {
    prepare(model.model, wish);
  } catch (const Error& e) {
    const std::string words = e.what();
    return std::stoull(words.substr(words.find("at least ") + 9));
  }
  return 0;
}

void require_whole(const std::vector<Outcome>& all, uint32_t passes) {
  for (const auto& one : all) {
    INFO(one.words);
    REQUIRE(one.words.empty());
    REQUIRE(one.passes == passes);
    REQUIRE(one.seen.wrong == 0);
    REQUIRE(one.seen.runs == passes * one.units);
    REQUIRE(one.moved.counted == one.moved.planned);
    // Every rank makes the same decisions, whatever it computes.
    REQUIRE(one.needed == all[0].needed);
    REQUIRE(one.hits == all[0].hits);
  }
}

}  // namespace

TEST_CASE("4 ranks that route at random go through 10,000 steps, each with its experts' bytes",
          "[run][ranks]") {
  constexpr uint32_t models = 20, passes = passes_of_each;
  uint64_t steps = 0, experts = 0, hits = 0;
  for (uint32_t number = 0; number < models; ++number) {
    const made::MadeModel model(mixture(number));
    std::vector<std::mt19937> random;
    for (uint32_t rank = 0; rank < four; ++rank) random.emplace_back(rank + four * number);
    // A rank chooses few or nearly all experts, a different number in each layer.
    std::vector<uint32_t> often(four, 1);
    Run how{.offload = static_cast<Offload>(number % 3), .passes = passes};
    if (number % 2) how.budget = least_budget(model, how.offload) + uint64_t{number} * 997 % 60'000;
    how.chooses = [&](uint32_t rank, uint32_t expert) {
      if (expert == 0) often[rank] = random[rank]() % 8;
      return random[rank]() % 7 < often[rank];
    };
    INFO("model " << number);
    const auto all = run_all(model, how);
    require_whole(all, passes);
    steps += passes;
    for (const auto& one : all) experts += one.seen.experts;
    hits += all[0].hits;
  }
  REQUIRE(steps == 20 * passes_of_each);
  REQUIRE(experts > 4 * steps);
  REQUIRE(hits > 0);
}

TEST_CASE("ranks that choose other experts, or none, bring what one rank with all of them does",
          "[run][ranks]") {
  const Chooses disjoint = [](uint32_t rank, uint32_t expert) { return expert % four == rank; };
  const Chooses of_one = [](uint32_t rank, uint32_t expert) {
    return rank == 2 && expert % 2 == 0;
  };
  const Chooses nothing = [](uint32_t, uint32_t) { return false; };
  const Chooses alike = [](uint32_t, uint32_t expert) { return expert % 3 == 1; };
  for (uint32_t number = 0; number < 12; ++number)
    for (const auto& chooses : {disjoint, of_one, nothing, alike}) {
      const made::MadeModel model(mixture(number));
      const Run how{.offload = Offload::memory, .passes = 6, .chooses = chooses};
      const auto all = run_all(model, how);
      require_whole(all, how.passes);
      auto alone = how;
      alone.ranks = 1;
      alone.chooses = [&](uint32_t, uint32_t expert) {
        bool any = false;
        for (uint32_t rank = 0; rank < four; ++rank) any = any || chooses(rank, expert);
        return any;
      };
      const auto one = run_all(model, alone);
      require_whole(one, how.passes);
      REQUIRE(all[0].needed == one[0].needed);
      REQUIRE(all[0].hits == one[0].hits);
      uint64_t moved = 0;
      for (const auto& rank : all) moved += rank.moved.counted;
      REQUIRE(moved == one[0].moved.counted);
    }
}

TEST_CASE("units that stay whole are gathered by no rank, and each brings its own experts",
          "[run][ranks]") {
  constexpr uint64_t all_whole = ~uint64_t{0}, some_whole = 3000;
  const Chooses disjoint = [](uint32_t rank, uint32_t expert) { return expert % four == rank; };
  bool fewer = false;
  for (uint32_t number = 0; number < 12; ++number) {
    const made::MadeModel model(number);
    Run how{.offload = static_cast<Offload>(number % 3), .passes = 6, .chooses = disjoint};
    if (number % 2) how.budget = least_budget(model, how.offload) + 60'000;
    INFO("model " << number);
    const auto cut = run_all(model, how);
    require_whole(cut, how.passes);
    how.whole_below = some_whole;
    const auto mixed = run_all(model, how);
    how.whole_below = all_whole;
    const auto whole = run_all(model, how);
    for (uint32_t rank = 0; rank < four; ++rank) {
      for (const auto* one : {&mixed[rank], &whole[rank]}) {
        INFO(one->words);
        REQUIRE(one->words.empty());
        REQUIRE(one->seen.wrong == 0);
        REQUIRE(one->seen.runs == how.passes * one->units);
        REQUIRE(one->moved.counted == one->moved.planned);
      }
      REQUIRE(whole[rank].moved.gathered == 0);
      REQUIRE(mixed[rank].moved.gathered <= cut[rank].moved.gathered);
      fewer = fewer || (mixed[rank].moved.gathered > 0 &&
                        mixed[rank].moved.gathered < cut[rank].moved.gathered);
      auto alone = how;
      alone.ranks = 1;
      alone.chooses = [&](uint32_t, uint32_t expert) { return disjoint(rank, expert); };
      REQUIRE(whole[rank].needed == run_all(model, alone)[0].needed);
    }
  }
  REQUIRE(fewer);
}

TEST_CASE("a unit is small by all of its weights, and a head by all of its tiles", "[run][ranks]") {
  const auto unit = [](uint32_t kind, const std::vector<std::vector<int64_t>>& shapes) {
    zero::Unit out;
    out.kind = kind;
    for (const auto& shape : shapes) {
      out.weights.emplace_back();
      out.weights.back().shape = shape;
      out.weights.back().run.at = 0;
    }
    return out;
  };
  std::vector<zero::Unit> units{
      unit(STRATA_UNIT_BODY, {{10, 10}, {5}}), unit(STRATA_UNIT_BODY, {{10, 10}, {6}}),
      unit(STRATA_UNIT_HEAD, {{6, 10}}), unit(STRATA_UNIT_HEAD, {{4, 10}}),
      unit(STRATA_UNIT_EMBEDDING, {{1000, 10}})};
  units.back().weights.front().run.at = zero::not_held;
  const auto whole = [&](uint64_t below) {
    keep_small_whole(units, below);
    std::vector<bool> out;
    for (const auto& one : units) out.push_back(one.whole);
    return out;
  };
  CHECK(whole(0) == std::vector<bool>{false, false, false, false, false});
  CHECK(whole(100) == std::vector<bool>{false, false, false, false, true});
  CHECK(whole(101) == std::vector<bool>{false, false, true, true, true});
  CHECK(whole(106) == std::vector<bool>{true, false, true, true, true});
  CHECK(whole(107) == std::vector<bool>{true, true, true, true, true});
}

TEST_CASE("a rank that fails in a pass ends the others with one line", "[run][ranks]") {
  std::mt19937 random(7);
  uint32_t late = 0;
  for (uint32_t number = 0; number < 20; ++number) {
    const made::MadeModel model(mixture(number));
    Run how{.offload = static_cast<Offload>(number % 3), .passes = 1000};
    how.dies_at = random() % 200;
    how.chooses = [](uint32_t rank, uint32_t expert) { return (expert + rank) % 3 != 0; };
    INFO("model " << number << ", run " << how.dies_at);
    const auto all = run_all(model, how);
    REQUIRE_THAT(all[1].words, Catch::StartsWith("compute: it cannot run"));
    for (const uint32_t rank : {0u, 2u, 3u}) {
      REQUIRE_THAT(all[rank].words, Catch::Contains("the other ranks are lost"));
      REQUIRE(all[rank].words.find('\n') == std::string::npos);
      REQUIRE(all[rank].seen.wrong == 0);
      late += all[rank].passes > 0 ? 1 : 0;
    }
  }
  REQUIRE(late > 0);
}

TEST_CASE("ranks with fewer passes, or none, follow the others without computing", "[run][ranks]") {
  const std::vector<uint32_t> passes{5, 2, 0};
  const auto ranks = static_cast<uint32_t>(passes.size());
  for (uint32_t number = 0; number < 12; ++number) {
    const made::MadeModel model(number);
    const auto offload = static_cast<Offload>(number % 3);
    made::Meeting data(ranks), control(ranks);
    std::vector<Outcome> out(ranks);
    std::vector<uint32_t> followed(ranks);
    std::vector<made::Opener> openers(ranks);
    std::vector<std::thread> threads;
    for (uint32_t rank = 0; rank < ranks; ++rank)
      threads.emplace_back([&, rank] {
        auto wish = made::wish_of(offload, {});
        wish.rank = rank;
        wish.ranks = ranks;
        out[rank].seen.chooses = [rank](uint32_t expert) { return expert % 3 == rank; };
        const auto any = [&, rank](bool mine) {
          std::vector<std::byte> all(ranks, std::byte{0});
          all[rank] = std::byte{mine};
          control.gather(rank, all.data(), 1);
          return std::ranges::find(all, std::byte{1}) != all.end();
        };
        made::Member member(data, rank);
        try {
          const auto session = made::open_session(openers[rank], model, out[rank].seen, wish, "{}",
                                                  "{}", &member, any);
          for (; out[rank].passes < passes[rank]; ++out[rank].passes)
            made::pass(*session, static_cast<uint32_t>(out[rank].passes) + rank);
          while (session->follow()) ++followed[rank];
          session->finish();
          out[rank].moved = session->moved();
          for (const auto& unit : session->prepared().units)
            out[rank].units += unit.is_expert() ? 0 : 1;
          if (const auto* experts = session->experts())
            out[rank].needed = experts->cache().needed();
        } catch (const Error& e) {
          out[rank].words = e.what();
          control.leave();
        }
      });
    for (auto& thread : threads) thread.join();
    INFO("model " << number);
    for (uint32_t rank = 0; rank < ranks; ++rank) {
      INFO("rank " << rank << " " << out[rank].words);
      REQUIRE(out[rank].words.empty());
      REQUIRE(out[rank].seen.wrong == 0);
      REQUIRE(followed[rank] == 5 - passes[rank]);
      REQUIRE(out[rank].seen.runs == passes[rank] * out[rank].units);
      REQUIRE(out[rank].moved.counted == out[rank].moved.planned);
      REQUIRE(out[rank].needed == out[0].needed);
    }
  }
}
