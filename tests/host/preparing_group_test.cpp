// Ranks, as threads, of which some fail before the data move.
#include "host/ranks/preparing_group.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <thread>

#include "app/ranks.hpp"
#include "tests/sdk/app/thread_group.hpp"

using namespace strata;
using namespace strata::host;

namespace {

constexpr std::uint32_t ranks = 3;
using Part = std::function<void(PreparingGroup&)>;
using Ends = std::vector<std::pair<std::string, int>>;

// The words and the status with which each rank ends; no words: it went on to the end.
Ends ends(const std::vector<Part>& parts) {
  test::Meeting meeting(ranks);
  Ends out(ranks);
  std::vector<std::thread> threads;
  for (std::uint32_t rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      PreparingGroup group(std::make_unique<test::ThreadGroup>(meeting, rank, ranks));
      try {
        parts[rank](group);
      } catch (const app::SharedError& e) {
        out[rank] = {e.what(), static_cast<int>(e.status())};
      } catch (const std::exception& e) {
        out[rank] = {std::string("not shared: ") + e.what(), -1};
        meeting.fail();
      }
    });
  for (auto& thread : threads) thread.join();
  return out;
}

Ends all(const char* words, int status) { return Ends(ranks, {words, status}); }

Part failing(const char* words, Exit status = Exit::failed) {
  return [=](PreparingGroup& group) { group.fail_together(words, status); };
}
const Part gathers = [](PreparingGroup& group) { group.all_gather("x"); };
const Part waits = [](PreparingGroup& group) { group.broadcast("x"); };

}  // namespace

TEST_CASE("messages pass as they are, before and behind the first data", "[host][ranks]") {
  const Part part = [](PreparingGroup& group) {
    const auto own = std::to_string(group.ranks().rank);
    for (const bool prepares : {true, false}) {
      const bool same =
          group.all_gather(own + "\n") == std::vector<std::string>{"0\n", "1\n", "2\n"} &&
          group.all_gather("") == std::vector<std::string>(ranks) && group.broadcast(own) == "0" &&
          group.prepares() == prepares;
      if (!same) throw Error("a message", "is another one", "");
      try {
        group.data();
      } catch (const Error&) {  // a group of threads has none
      }
    }
  };
  CHECK(ends({part, part, part}) == all("", 0));
}

TEST_CASE("an error of all ranks has no rank", "[host][ranks]") {
  const auto missing = failing("m: missing"), unknown = failing("--a: unknown", Exit::usage);
  CHECK(ends({missing, missing, missing}) == all("m: missing", 1));
  CHECK(ends({unknown, unknown, unknown}) == all("--a: unknown", 2));
}

TEST_CASE("an error of some ranks has the name of the first, on all of them", "[host][ranks]") {
  const auto missing = failing("m: missing"), other = failing("n: missing");
  CHECK(ends({gathers, missing, gathers}) == all("rank 1: m: missing", 1));
  CHECK(ends({gathers, missing, missing}) == all("rank 1: m: missing", 1));
  CHECK(ends({missing, other, missing}) == all("rank 0: m: missing", 1));
  CHECK(ends({missing, gathers, gathers}) == all("rank 0: m: missing", 1));
  CHECK(ends({waits, waits, failing("--a: unknown", Exit::usage)}) ==
        all("rank 2: --a: unknown", 2));
  CHECK(ends({gathers, failing("rank 0: its message"), gathers}) == all("rank 0: its message", 1));
}

TEST_CASE("an error of what rank 0 does for all has no rank", "[host][ranks]") {
  CHECK(ends({failing("p: missing"), waits, waits}) == all("p: missing", 1));
}

TEST_CASE("a rank that still prepares is heard by those that do not", "[host][ranks]") {
  const Part moved = [](PreparingGroup& group) {
    try {
      group.data();
    } catch (const Error&) {
    }
    group.all_gather("x");
  };
  CHECK(ends({moved, failing("m: missing"), moved}) == all("rank 1: m: missing", 1));
}
