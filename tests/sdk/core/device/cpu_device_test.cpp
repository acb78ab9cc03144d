#include "core/device/cpu_device.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <thread>

#include "core/error.hpp"

using namespace strata;
using namespace strata::device;

namespace {

std::exception_ptr failure(const char* words) {
  return std::make_exception_ptr(Error("test", words, ""));
}

// Writes the other ranks' shards, or fails at the n-th call.
class Peers : public Collective {
 public:
  explicit Peers(int fail_at = -1) : fail_at_(fail_at) {}
  uint32_t rank() const override { return 1; }
  uint32_t ranks() const override { return 3; }
  void all_gather(std::byte* base, uint64_t shard, Stream) override {
    if (calls_++ == fail_at_) throw Error("rank 2", "it is gone", "");
    for (uint64_t r : {0, 2})
      for (uint64_t b = 0; b < shard; ++b) base[r * shard + b] = std::byte(r);
  }
  void reduce_scatter(std::byte* base, uint64_t shard, Element element, Stream) override {
    std::memset(base + shard, static_cast<int>(bytes_of(element)), shard);
  }
  void broadcast(std::byte* base, uint64_t bytes, uint32_t from, Stream) override {
    std::memset(base, static_cast<int>(from), bytes);
  }
  void all_reduce(double* values, uint32_t count) override {
    for (uint32_t i = 0; i < count; ++i) values[i] *= 3;
  }

 private:
  int fail_at_, calls_ = 0;
};

}  // namespace

TEST_CASE("lanes are ordered by their events alone", "[device][cpu_device]") {
  CpuDevice device(3);
  auto* arena = device.arena(3000);
  std::vector<std::byte> from(1000, std::byte{1});
  Peers peers;
  for (uint64_t n = 1; n <= 200; ++n) {
    from.assign(1000, std::byte(n));
    device.copy(Lane::copy, arena + 1000, from.data(), 1000);
    device.record(Lane::copy, 0, n);
    device.wait(Lane::comm, 0, n);
    device.gather(peers, arena, 1000);
    device.record(Lane::comm, 1, n);
    device.wait(Lane::compute, 1, n);
    REQUIRE(arena[0] == std::byte{0});
    REQUIRE(arena[1999] == std::byte(n));
    REQUIRE(arena[2999] == std::byte{2});
    device.record(Lane::compute, 2, n);
    device.wait(Lane::copy, 2, n);
  }
}

TEST_CASE("a failure stays with its lane, passes on to who waits, and the first is kept",
          "[device][cpu_device]") {
  const auto lane = GENERATE(Lane::copy, Lane::comm, Lane::io);
  CpuDevice device(4);
  std::byte from{7}, to{0};
  device.record(lane, 0, 1);
  device.fail(lane, failure("first"));
  device.fail(lane, failure("second"));
  device.copy(lane, &to, &from, 1);
  device.record(lane, 1, 1);
  REQUIRE_NOTHROW(device.wait(Lane::compute, 0, 1));
  REQUIRE_THROWS_WITH(device.wait(Lane::compute, 1, 1), Catch::Contains("first"));
  REQUIRE_THROWS_WITH(device.synchronize(1, 1), Catch::Contains("first"));
  REQUIRE(to == std::byte{0});
  const auto other = lane == Lane::copy ? Lane::comm : Lane::copy;
  device.wait(other, 1, 1);
  device.copy(other, &to, &from, 1);
  device.record(other, 2, 1);
  REQUIRE_THROWS_WITH(device.synchronize(2, 1), Catch::Contains("first"));
  REQUIRE(to == std::byte{0});
}

TEST_CASE("a gather that fails fails what comes behind it", "[device][cpu_device]") {
  CpuDevice device(1);
  auto* arena = device.arena(48);
  Peers peers(1);
  device.gather(peers, arena, 16);
  device.record(Lane::comm, 0, 1);
  REQUIRE_NOTHROW(device.synchronize(0, 1));
  device.gather(peers, arena, 16);
  device.record(Lane::comm, 0, 2);
  REQUIRE_THROWS_WITH(device.synchronize(0, 2), Catch::Contains("rank 2: it is gone"));
}

TEST_CASE("sums and broadcasts are done in the order of their lane", "[device][cpu_device]") {
  CpuDevice device(2);
  auto* arena = device.arena(48);
  double values[2] = {1, 2};
  Peers peers;
  device.reduce_scatter(peers, arena, 16, Element::bfloat16);
  device.record(Lane::comm, 0, 1);
  device.all_reduce(peers, values, 2);
  device.record(Lane::host, 1, 1);
  device.synchronize(0, 1);
  device.synchronize(1, 1);
  REQUIRE(arena[16] == std::byte{2});
  REQUIRE((values[0] == 3 && values[1] == 6));
  device.broadcast(peers, arena, 48, 2);
  device.reduce_scatter(peers, arena, 16, Element::float32);
  device.record(Lane::comm, 0, 2);
  device.synchronize(0, 2);
  REQUIRE(arena[15] == std::byte{2});
  REQUIRE(arena[16] == std::byte{4});
  REQUIRE(arena[47] == std::byte{2});
}

TEST_CASE("a device that ends does the work that was given to it", "[device][cpu_device]") {
  std::vector<std::byte> from(1 << 20, std::byte{3}), to(1 << 20);
  {
    CpuDevice device(1);
    device.copy(Lane::copy, to.data(), from.data(), from.size());
    device.record(Lane::copy, 0, 1);
    device.wait(Lane::comm, 0, 1);
  }
  REQUIRE(to == from);
}

TEST_CASE("an event is waited for across threads, and keeps its first failure",
          "[device][event_board]") {
  EventBoard board(2);
  std::thread other([&] {
    for (uint64_t n = 1; n <= 1000; ++n) board.happen(0, n, nullptr);
    board.happen(1, 1, failure("early"));
    board.happen(1, 2, failure("late"));
  });
  REQUIRE_FALSE(board.await(0, 1000));
  REQUIRE_FALSE(board.await(0, 7));
  const auto seen = board.await(1, 2);
  other.join();
  REQUIRE_THROWS_WITH(std::rethrow_exception(seen), Catch::Contains("early"));
}
