#include "core/optim/round.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "core/optim/workers.hpp"
#include "tests/sdk/core/optim/each_target.hpp"

using namespace strata::optim;

namespace {

// The random words, in plain C++.
uint32_t word_of(uint32_t x, uint64_t key) {
  x ^= static_cast<uint32_t>(key);
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x ^= static_cast<uint32_t>(key >> 32);
  x = (x ^ (x >> 13)) * 0xc2b2ae35u;
  return x ^ (x >> 16);
}

uint64_t key_within(uint64_t key, uint64_t number) {
  uint64_t x = key + (number + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint16_t plain(float x, uint64_t key, uint64_t number) {
  if (std::isnan(x)) return 0x7fc0;
  const auto word = word_of(static_cast<uint32_t>(number), key_within(key, number >> 32));
  return static_cast<uint16_t>((std::bit_cast<uint32_t>(x) + (word >> 16)) >> 16);
}

float wide(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

std::vector<uint16_t> rounded(const std::vector<float>& from, uint64_t key, uint64_t first = 0) {
  std::vector<uint16_t> out(from.size());
  round_stochastically(from.data(), out.data(), key, first, from.size());
  return out;
}

// Numbers of all kinds: any 32 bits.
std::vector<float> any_numbers(uint64_t count) {
  std::mt19937 random(5);
  std::vector<float> out(count);
  for (auto& one : out) one = std::bit_cast<float>(static_cast<uint32_t>(random()));
  return out;
}

bool is_above(uint16_t bits, float low) { return std::abs(wide(bits)) > std::abs(low); }

// The part of equal numbers that were rounded away from `low`.
double part_above(const std::vector<uint16_t>& bits, float low) {
  double above = 0;
  for (const auto one : bits) above += is_above(one, low);
  return above / static_cast<double>(bits.size());
}

constexpr float infinity = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("stochastic rounding has the bits of plain arithmetic on every kind of vectors",
          "[optim]") {
  const uint64_t key = rounding_key(42, 7, 3);
  CHECK(key == key_within(key_within(key_within(0, 42), 7), 3));
  for (const uint64_t first : {uint64_t{0}, uint64_t{77}, (uint64_t{1} << 32) - 20})
    for (const uint64_t count : {1, 15, 64, 203})
      for (const uint64_t skip : {0, 1, 5}) {
        const auto from = any_numbers(skip + count);
        std::vector<uint16_t> expected;
        for (uint64_t i = 0; i < count; ++i)
          expected.push_back(plain(from[skip + i], key, first + i));
        on_each_target([&] {
          INFO(count << " elements from " << first << ", skipped " << skip);
          std::vector<uint16_t> to(skip + count + 1, 0x1234);
          round_stochastically(from.data() + skip, to.data() + skip, key, first, count);
          REQUIRE(std::vector(to.begin() + static_cast<std::ptrdiff_t>(skip), to.end() - 1) ==
                  expected);
          REQUIRE(to.back() == 0x1234);
        });
      }
}

TEST_CASE("stochastic rounding keeps what a bfloat16 has, and gives a neighbor of all else",
          "[optim]") {
  for (uint32_t bits = 0; bits < 0x10000; bits += 3) {
    const auto x = wide(static_cast<uint16_t>(bits));
    const auto got = rounded({x}, 9, bits)[0];
    if (std::isnan(x))
      REQUIRE(got == 0x7fc0);
    else
      REQUIRE(got == bits);
  }
  CHECK(rounded({infinity, -infinity, 0.0F, -0.0F}, 1) ==
        std::vector<uint16_t>{0x7f80, 0xff80, 0, 0x8000});
  // A NaN whose upper half is that of infinity.
  CHECK(rounded({std::bit_cast<float>(0x7f800001u)}, 1)[0] == 0x7fc0);
  const auto from = any_numbers(100'000);
  const auto to = rounded(from, 4);
  for (uint64_t i = 0; i < from.size(); ++i) {
    if (std::isnan(from[i])) continue;
    const auto below = std::bit_cast<uint32_t>(from[i]) >> 16;
    REQUIRE((to[i] == below || to[i] == below + 1));
  }
}

TEST_CASE("the mean of stochastic rounding is the number", "[optim]") {
  constexpr uint64_t count = 400'000;
  const double share = GENERATE(0.003, 0.25, 0.5, 0.8125, 0.997);
  const double sigma = std::sqrt(share * (1 - share) / count);
  for (const double base : {1.0, -0.017578125, 3.0e38, 1.0e-39}) {
    const auto low =
        wide(static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(base)) >> 16));
    const auto bits = std::bit_cast<uint32_t>(low) + static_cast<uint32_t>(share * 65536 + 0.5);
    const std::vector<float> same(count, std::bit_cast<float>(bits));
    CAPTURE(base, share);
    const auto got = rounded(same, rounding_key(1, 2, 3));
    CHECK(std::abs(part_above(got, low) - share) < 5 * sigma + 1e-5);
    // Elements side by side are drawn apart from each other, and so are an element's next updates.
    const auto next = rounded(same, rounding_key(1, 3, 3));
    double beside = 0, again = 0;
    for (uint64_t i = 0; i + 1 < count; ++i) {
      const bool above = is_above(got[i], low);
      beside += above && is_above(got[i + 1], low);
      again += above && is_above(next[i], low);
    }
    const double both = share * share, pair = std::sqrt(both * (1 - both) / count);
    CHECK(std::abs(beside / count - both) < 8 * pair + 2e-5);
    CHECK(std::abs(again / count - both) < 8 * pair + 2e-5);
  }
}

TEST_CASE("one element is rounded anew in each update, unit and run", "[optim]") {
  const auto x = std::bit_cast<float>(0x3f804000u);  // a quarter of the way
  constexpr uint64_t count = 40'000;
  double by_update = 0, by_unit = 0, by_seed = 0;
  for (uint64_t n = 0; n < count; ++n) {
    by_update += rounded({x}, rounding_key(42, n, 1), 5)[0] == 0x3f81;
    by_unit += rounded({x}, rounding_key(42, 1, n), 5)[0] == 0x3f81;
    by_seed += rounded({x}, rounding_key(n, 1, 1), 5)[0] == 0x3f81;
  }
  const double bound = 5 * std::sqrt(0.25 * 0.75 / count);
  for (const auto got : {by_update, by_unit, by_seed}) CHECK(std::abs(got / count - 0.25) < bound);
}

TEST_CASE("neither ranges nor threads change the bits of stochastic rounding", "[optim]") {
  constexpr uint64_t count = 10'007;
  const auto from = any_numbers(count);
  const auto expected = rounded(from, 8, 100);
  for (const uint32_t threads : {1, 2, 5})
    for (const uint64_t grain : {1, 13, 1000, 20'000}) {
      Workers workers(threads);
      std::vector<uint16_t> to(count);
      workers.run(count, grain, [&](uint64_t first, uint64_t some) {
        round_stochastically(from.data() + first, to.data() + first, 8, 100 + first, some);
      });
      REQUIRE(to == expected);
    }
}
