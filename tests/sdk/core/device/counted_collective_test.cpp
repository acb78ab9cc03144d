#include "core/device/counted_collective.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "core/error.hpp"

using namespace strata;
using namespace strata::device;

namespace {

// Rank 1 of 3, whose gathers of a shard of one byte fail.
class Three : public Collective {
 public:
  uint32_t rank() const override { return 1; }
  uint32_t ranks() const override { return 3; }
  void all_gather(std::byte* base, uint64_t shard, Stream) override {
    if (shard == 1) throw Error("rank 2", "it is gone", "");
    base[0] = std::byte{7};
  }
  void reduce_scatter(std::byte*, uint64_t, Element, Stream) override {}
  void broadcast(std::byte*, uint64_t, uint32_t, Stream) override {}
  void all_reduce(double* values, uint32_t) override { values[0] *= 3; }
  Collected collected() const override {
    Collected out;
    out.library = "three";
    return out;
  }
};

bool is(const Collected::Calls& calls, uint64_t count, uint64_t bytes) {
  return calls.calls == count && calls.bytes == bytes;
}

}  // namespace

TEST_CASE("the calls of a collective are passed on and counted, with the bytes of all ranks",
          "[device][counted_collective]") {
  CountedCollective counted(std::make_unique<Three>());
  REQUIRE((counted.rank() == 1 && counted.ranks() == 3));
  std::array<std::byte, 48> base{};
  counted.all_gather(base.data(), 16, nullptr);
  counted.all_gather(base.data(), 8, nullptr);
  REQUIRE(base[0] == std::byte{7});
  counted.reduce_scatter(base.data(), 16, Element::bfloat16, nullptr);
  double values[2] = {1, 2};
  counted.all_reduce(values, 2);
  REQUIRE(values[0] == 3);
  const auto collected = counted.collected();
  CHECK(collected.library == "three");
  CHECK(is(collected.all_gather, 2, 72));
  CHECK(is(collected.reduce_scatter, 1, 48));
  CHECK(is(collected.all_reduce, 1, 16));
}

TEST_CASE("a call that fails is not counted", "[device][counted_collective]") {
  CountedCollective counted(std::make_unique<Three>());
  std::byte base[3];
  REQUIRE_THROWS_AS(counted.all_gather(base, 1, nullptr), Error);
  CHECK(is(counted.collected().all_gather, 0, 0));
}
