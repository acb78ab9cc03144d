#include "core/optim/sum_shards.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

using strata::device::Element;
using strata::optim::sum_shards;

namespace {

template <class Stored>
std::vector<Stored> summed(const std::vector<Stored>& parts, uint32_t ranks, Element element) {
  std::vector<Stored> out(parts.size() / ranks);
  sum_shards(reinterpret_cast<std::byte*>(out.data()),
             reinterpret_cast<const std::byte*>(parts.data()), ranks, out.size() * sizeof(Stored),
             element);
  return out;
}

}  // namespace

TEST_CASE("shards of float32 are added in the order of the ranks", "[optim][sum_shards]") {
  const float large = 1e8f;  // its neighbors are 8 apart
  REQUIRE(summed<float>({large, 3, 3, large, -large, 0, -large, 3}, 4, Element::float32) ==
          std::vector<float>{large + 3 - large - large, (3 + large) + 3});
  REQUIRE(summed<float>({3, large, -large}, 3, Element::float32) ==
          std::vector<float>{(3 + large) - large});
}

TEST_CASE("sums of bfloat16 are rounded once, to nearest even", "[optim][sum_shards]") {
  // 1 + 2^-9 + 2^-9 is the middle between 1 and its neighbor, rounded to the even 1; at each step
  // the sum would be 1, too; with three it is above the middle.
  constexpr uint16_t one = 0x3f80, small = 0x3b00;
  REQUIRE(summed<uint16_t>({one, small, small}, 3, Element::bfloat16)[0] == 0x3f80);
  REQUIRE(summed<uint16_t>({one, small, small, small}, 4, Element::bfloat16)[0] == 0x3f81);
  constexpr uint16_t infinity = 0x7f80, negative = 0xff80;
  const auto nan = summed<uint16_t>({infinity, negative}, 2, Element::bfloat16)[0];
  REQUIRE(((nan & 0x7f80) == 0x7f80 && (nan & 0x7f) != 0));
  REQUIRE(summed<uint16_t>({0x7f7f, 0x7f7f}, 2, Element::bfloat16)[0] == infinity);
}
