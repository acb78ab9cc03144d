#include "core/run/heartbeats.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"

using namespace strata;
using namespace strata::run;
using namespace std::chrono_literals;

namespace {

// Four ranks whose time passes in steps of 250 ms.
struct Ranks4 {
  Heartbeats judge{4, 3s, 60s};
  Heartbeats::Clock::time_point now{};
  std::vector<Beat> beats = std::vector<Beat>(4);

  // Every rank but `silent` gives a heartbeat; returns the verdict after that time, if one came.
  std::optional<Lost> pass(std::chrono::milliseconds time, uint32_t silent = 4) {
    for (auto end = now + time; now < end; now += 250ms) {
      for (uint32_t rank = 0; rank < 4; ++rank) beats[rank].number += rank != silent;
      if (const auto lost = judge.take(beats, now)) return lost;
    }
    return {};
  }
  void move(uint32_t rank, uint64_t count, uint32_t unit) {
    ++beats[rank].changes;
    beats[rank].count = count;
    beats[rank].unit = unit;
  }
};

}  // namespace

TEST_CASE("a rank without a heartbeat for the limit is lost", "[run][heartbeats]") {
  Ranks4 ranks;
  REQUIRE(!ranks.pass(10s));
  REQUIRE(!ranks.pass(3s, 2));
  REQUIRE(!ranks.pass(10s));  // it came back in time
  const auto from = ranks.now;
  const auto lost = ranks.pass(10s, 2);
  REQUIRE(lost);
  REQUIRE(lost->rank == 2);
  REQUIRE(lost->reason ==
          "it gave no heartbeat for 3 s: it was killed or stopped, or cannot be reached");
  REQUIRE(ranks.now - from <= 3500ms);
}

TEST_CASE("a rank that said good-bye may be silent", "[run][heartbeats]") {
  Ranks4 ranks;
  REQUIRE(!ranks.pass(1s));
  ranks.beats[1].ended = true;
  REQUIRE(!ranks.pass(20s, 1));
}

TEST_CASE("time in which the judge was held up is no rank's silence", "[run][heartbeats]") {
  Ranks4 ranks;
  REQUIRE(!ranks.pass(1s));
  ranks.now += 30s;
  REQUIRE(!ranks.pass(2s, 1));
  REQUIRE(ranks.pass(2s, 1));
}

TEST_CASE("of ranks without progress the one that did the least is named", "[run][heartbeats]") {
  Ranks4 ranks;
  REQUIRE(!ranks.pass(100s));  // nobody has begun
  for (uint32_t rank = 0; rank < 4; ++rank) ranks.move(rank, 1, 0);
  for (const uint32_t rank : {0u, 1u, 3u}) ranks.move(rank, 12, 8);
  ranks.move(2, 12, 7);
  ranks.move(0, 12, 9);
  ranks.move(1, 12, 9);
  ranks.move(3, 12, 9);
  REQUIRE(!ranks.pass(59s));
  const auto lost = ranks.pass(3s);
  REQUIRE(lost);
  REQUIRE(lost->rank == 2);
  REQUIRE(lost->reason == "it made no progress for 60 s: it is in unit 7, step 12");
}

TEST_CASE("of ranks in the same unit the one that keeps the others waiting is named",
          "[run][heartbeats]") {
  Ranks4 ranks;
  for (uint32_t rank = 0; rank < 4; ++rank) ranks.move(rank, 3, 5);
  for (const uint32_t rank : {0u, 1u, 2u}) ++ranks.beats[rank].calls;
  const auto lost = ranks.pass(62s);
  REQUIRE(lost);
  REQUIRE(lost->rank == 3);
}

TEST_CASE("a rank that moves on is not named for one that stands", "[run][heartbeats]") {
  Ranks4 ranks;
  for (uint32_t rank = 0; rank < 3; ++rank) ranks.move(rank, 1, 0);
  for (int second = 0; second < 58; ++second) {
    ranks.move(2, 1, 1);
    REQUIRE(!ranks.pass(1s));
  }
  ranks.move(0, 1, 1);
  ranks.move(1, 1, 1);
  const auto lost = ranks.pass(10s);
  REQUIRE(lost);
  REQUIRE(lost->rank == 3);
  REQUIRE(lost->reason == "it made no progress for 60 s: it has not begun");
}

TEST_CASE("heartbeats and verdicts are the same after their way as text", "[run][heartbeats]") {
  for (const Beat& beat : {Beat{}, Beat{1, 2, 3, 4, 5, false}, Beat{~0ull, 9, ~0ull, ~0u, 7, true}})
    CHECK(beat_of(text_of(beat)) == beat);
  const auto lost = lost_of(text_of(Lost{7, "disk: it is full: free 3 GB"}));
  CHECK(lost.rank == 7);
  CHECK(lost.reason == "disk: it is full: free 3 GB");
  for (const auto* text : {"", "x", "1", "1 2 3", "1 2 3 4 5 6x", "-1 0 0 0 0 0"})
    CHECK_THROWS_AS(beat_of(text), Error);
}
