#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "tests/sdk/torch/comm/processes.hpp"

using namespace strata;
using namespace std::chrono_literals;

namespace {

constexpr const char* silent =
    "it gave no heartbeat for 3 s: it was killed or stopped, or cannot be reached";
constexpr const char* gone = "its connection is gone: it ended or was killed";

// Gathers until the group is over; a rank for which `stops` says so does something else first.
void go_on(const made::Rank& rank, const std::function<void(run::Group&, uint32_t)>& stops) {
  const auto group = rank.open();
  auto& data = group->data();
  std::vector<std::byte> base(16 * data.ranks());
  rank.say("ready");
  for (uint32_t call = 0;; ++call) {
    group->progress(call, call % 10);
    stops(*group, call);
    data.all_gather(base.data(), 16, nullptr);
    std::this_thread::sleep_for(20ms);
  }
}

void nothing(run::Group&, uint32_t) {}

struct End {
  std::string name;
  uint32_t rank;       // the one that ends
  int signal;          // 0: it ends by itself
  std::string reason;  // as the others see it
  std::function<void(run::Group&, uint32_t)> does = nothing;
  std::chrono::milliseconds stall = 60s;
};

std::function<void(run::Group&, uint32_t)> at_call_20(uint32_t rank,
                                                      std::function<void(run::Group&)> does) {
  return [=](run::Group& group, uint32_t call) {
    if (group.ranks().rank == rank && call == 20) does(group);
  };
}

void fails(run::Group& group) {
  group.fail("disk: it is full: free 3 GB");
  _exit(1);
}
void throws(run::Group&) { throw std::runtime_error("it broke"); }
void exits(run::Group&) { _exit(0); }
void sleeps(run::Group&) { std::this_thread::sleep_for(30s); }

std::vector<End> ends(uint32_t last) {
  const std::string words = "disk: it is full: free 3 GB",
                    error = "it ended with an error of its own",
                    stands = "it made no progress for 2 s: it is in unit 0, step 20";
  return {{"killed", last, SIGKILL, silent},
          {"rank 0 killed", 0, SIGKILL, gone},
          {"stopped", last, SIGSTOP, silent},
          {"rank 0 stopped", 0, SIGSTOP, silent},
          {"fails", last, 0, words, at_call_20(last, fails)},
          {"rank 0 fails", 0, 0, words, at_call_20(0, fails)},
          {"throws", last, 0, error, at_call_20(last, throws)},
          {"rank 0 throws", 0, 0, error, at_call_20(0, throws)},
          {"exits", last, 0, silent, at_call_20(last, exits)},
          {"rank 0 exits", 0, 0, gone, at_call_20(0, exits)},
          {"stands still", last, 0, stands, at_call_20(last, sleeps), 2s},
          {"rank 0 stands still", 0, 0, stands, at_call_20(0, sleeps), 2s}};
}

}  // namespace

TEST_CASE("where a rank ends or stands still all others end with its number and the same reason",
          "[group]") {
  const uint32_t ranks = GENERATE(2u, 4u);
  const auto all = ends(ranks - 1);
  std::vector<std::unique_ptr<made::Processes>> groups;
  for (const auto& end : all) {
    INFO(end.name << " of " << ranks);
    groups.push_back(std::make_unique<made::Processes>(
        ranks, 3s, end.stall, [&](const made::Rank& rank) { go_on(rank, end.does); }));
    for (uint32_t rank = 0; rank < ranks; ++rank) REQUIRE(groups.back()->line(rank) == "ready");
    if (end.signal != 0) kill(groups.back()->pid(end.rank), end.signal);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(all[i].name << " of " << ranks);
    for (uint32_t rank = 0; rank < ranks; ++rank)
      if (rank != all[i].rank)
        CHECK(groups[i]->line(rank) == "lost " + std::to_string(all[i].rank) + " " + all[i].reason);
  }
}

TEST_CASE("an orderly end is no loss, whichever rank ends first", "[group]") {
  const uint32_t first = GENERATE(0u, 1u, 3u);
  made::Processes processes(4, 1s, 60s, [&](const made::Rank& rank) {
    {
      const auto group = rank.open();
      group->progress(1, 1);
      if (group->ranks().rank != first) std::this_thread::sleep_for(1500ms);
    }
    rank.say("good-bye");
  });
  for (uint32_t rank = 0; rank < 4; ++rank) {
    CHECK(processes.line(rank) == "good-bye");
    CHECK(processes.line(rank) == "ended");
  }
}

TEST_CASE("a rank that stops while the group opens is named, too", "[group]") {
  made::Processes processes(2, 1s, 60s, [](const made::Rank& rank) {
    const auto group = rank.open();
    rank.say("open");
    if (rank.options.ranks.rank == 1) raise(SIGSTOP);
    static_cast<void>(group->control().all_gather("hello"));
  });
  REQUIRE(processes.line(1) == "open");
  REQUIRE(processes.line(0) == "open");
  CHECK(processes.line(0) ==
        "lost 1 it gave no heartbeat for 1 s: it was killed or stopped, or cannot be reached");
}

TEST_CASE("a group whose ranks do not all come is an error that names the address", "[group]") {
  made::Processes processes(1, 3s, 60s, [](const made::Rank& rank) {
    auto own = rank;
    own.options.ranks.ranks = 2;
    own.options.ranks.patience = 1s;
    own.open();
  });
  CHECK_THAT(processes.line(0), Catch::StartsWith("error rank 0: no meeting at 127.0.0.1:"));
}

TEST_CASE("a rank 0 that listens and does not answer is lost", "[group]") {
  made::Processes processes(2, 1s, 60s, [](const made::Rank& rank) {
    auto own = rank;
    own.options.ranks.patience = 1s;
    if (own.options.ranks.rank == 0)
      for (;;) pause();  // its socket listens
    own.open();
  });
  CHECK_THAT(processes.line(1), Catch::StartsWith("lost 0 it does not answer at 127.0.0.1:"));
}
