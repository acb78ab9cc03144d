#include "core/run/agreement.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "core/device/cpu_device.hpp"
#include "tests/sdk/core/run/meeting.hpp"

using namespace strata;
using namespace strata::run;

TEST_CASE("every rank gets the choices of all, ascending, call after call", "[run][agreement]") {
  const uint32_t ranks = GENERATE(1, 2, 5);
  constexpr uint32_t choices = 37, calls = 50;
  const auto own = [](uint32_t rank, uint32_t call) {
    std::vector<uint32_t> out;
    for (uint32_t c = 0; c < choices; ++c)
      if ((c * 7 + rank * 11 + call * 5) % 13 == 0) out.push_back(c);
    return call % 10 == 0 ? std::vector<uint32_t>{} : out;  // nobody has chosen then
  };
  made::Meeting meeting(ranks);
  std::vector<std::vector<std::vector<uint32_t>>> got(ranks);
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      made::Member member(meeting, rank);
      device::CpuDevice device(3);
      Agreement agreement(device, member, choices, 2);
      for (uint32_t call = 0; call < calls; ++call)
        got[rank].push_back(agreement.all(own(rank, call)));
    });
  for (auto& thread : threads) thread.join();
  for (uint32_t call = 0; call < calls; ++call) {
    std::set<uint32_t> all;
    for (uint32_t rank = 0; rank < ranks; ++rank)
      for (const auto choice : own(rank, call)) all.insert(choice);
    for (uint32_t rank = 0; rank < ranks; ++rank)
      REQUIRE(got[rank][call] == std::vector<uint32_t>(all.begin(), all.end()));
  }
}

TEST_CASE("a rank that is lost is an error to the others", "[run][agreement]") {
  made::Meeting meeting(2);
  { const made::Member lost(meeting, 1); }
  made::Member member(meeting, 0);
  device::CpuDevice device(1);
  Agreement agreement(device, member, 4, 0);
  REQUIRE_THROWS_WITH(agreement.all(std::vector<uint32_t>{1}), Catch::Contains("ranks are lost"));
}
