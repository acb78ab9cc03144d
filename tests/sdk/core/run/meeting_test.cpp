#include "tests/sdk/core/run/meeting.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "core/device/cpu_device.hpp"

using namespace strata::device;

TEST_CASE("ranks that are threads sum, broadcast and gather through their devices",
          "[run][meeting]") {
  constexpr std::uint32_t ranks = 3, each = 4;  // numbers of a shard
  made::Meeting meeting(ranks);
  std::vector<std::vector<float>> data(ranks, std::vector<float>(ranks * each));
  std::vector<double> norms{1, 20, 300};
  std::vector<std::thread> threads;
  for (std::uint32_t rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      auto& own = data[rank];
      for (std::uint32_t i = 0; i < own.size(); ++i)
        own[i] = static_cast<float>((rank + 1) * 100 + i);
      auto* base = reinterpret_cast<std::byte*>(own.data());
      made::Member member(meeting, rank);
      CpuDevice device(2);
      device.all_reduce(member, &norms[rank], 1);
      device.record(Lane::host, 0, 1);
      device.reduce_scatter(member, base, each * sizeof(float), Element::float32);
      device.gather(member, base, each * sizeof(float));
      device.broadcast(member, base, sizeof(float), 2);
      device.record(Lane::comm, 1, 1);
      device.synchronize(0, 1);
      device.synchronize(1, 1);
    });
  for (auto& thread : threads) thread.join();
  CHECK(norms == std::vector<double>(3, 321));
  for (const auto& own : data)
    for (std::uint32_t i = 0; i < own.size(); ++i) CHECK(own[i] == static_cast<float>(600 + 3 * i));
}
