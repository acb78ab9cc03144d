#include "core/optim/gradient.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "core/optim/workers.hpp"
#include "tests/sdk/core/optim/each_target.hpp"
#include "tests/sdk/core/optim/plain.hpp"

using namespace strata;
using namespace strata::optim;
using plain::Array;

namespace {

// The sum of a block one element at a time: 32 sums, then pairs of them.
double plain_block(const Array& values, uint64_t block) {
  double sums[32] = {};
  const uint64_t begin = block * square_block;
  for (uint64_t at = begin; at < std::min(begin + square_block, values.count()); ++at)
    sums[(at - begin) % 32] += values.get(at) * values.get(at);
  for (int width = 16; width > 0; width /= 2)
    for (int n = 0; n < width; ++n) sums[n] += sums[n + width];
  return sums[0];
}

std::vector<double> partials_of(Array& values) {
  std::vector<double> out(square_blocks(values.count()));
  square_sums(values.dtype(), values.data(), values.count(), 0, out.size(), out.data());
  return out;
}

}  // namespace

TEST_CASE("sums of squares have the same bits on every kind of vectors", "[optim]") {
  const auto dtype = GENERATE(f32, bf16, f16);
  const uint64_t count = GENERATE(1, 31, 77, 65'536, 150'001);
  Array values(dtype, count, 3);
  values.fill(5, 1);
  std::vector<double> expected;
  for (uint64_t block = 0; block < square_blocks(count); ++block)
    expected.push_back(plain_block(values, block));
  on_each_target([&] { REQUIRE(partials_of(values) == expected); });
  Workers workers(3);
  std::vector<double> given(expected.size());
  workers.run(given.size(), 1, [&](uint64_t first, uint64_t blocks) {
    square_sums(dtype, values.data(), count, first, blocks, given.data());
  });
  REQUIRE(given == expected);
}

TEST_CASE("a value that is not finite shows in the sum of its block", "[optim]") {
  const auto dtype = GENERATE(f32, bf16, f16);
  const double bad = GENERATE(as<double>{}, INFINITY, -INFINITY, NAN);
  const uint64_t place = GENERATE(0, 65'535, 65'536, 70'002);
  Array values(dtype, 70'003);
  values.fill(5, 1);
  values.set(place, bad);
  on_each_target([&] {
    const auto partials = partials_of(values);
    REQUIRE(std::isfinite(partials[0]) == (place >= square_block));
    REQUIRE(std::isfinite(partials[1]) == (place < square_block));
    REQUIRE_FALSE(std::isfinite(total(partials)));
  });
}

TEST_CASE("the largest values do not overflow their sum of squares", "[optim]") {
  Array values(f32, 70'000);
  for (uint64_t at = 0; at < 70'000; ++at) values.set(at, std::numeric_limits<float>::max());
  const double largest = std::numeric_limits<float>::max();
  REQUIRE(std::sqrt(total(partials_of(values))) == Approx(largest * std::sqrt(70'000.0)));
}

TEST_CASE("a gradient is added element by element", "[optim]") {
  const auto dtype = GENERATE(f32, bf16, f16);
  on_each_target([&] {
    Array to(f32, 105, 1), from(dtype, 105, 2);
    to.fill(8, 1), from.fill(9, 1);
    const Array before = to;
    add(to.floats(), dtype, from.data(), 2, 50);
    add(to.floats(), dtype, from.data(), 52, 51);
    for (uint64_t at = 0; at < 105; ++at) {
      const bool inside = at >= 2 && at < 103;
      const auto sum =
          static_cast<float>(before.get(at)) + static_cast<float>(inside ? from.get(at) : 0);
      REQUIRE(to.floats()[at] == sum);
    }
  });
}

TEST_CASE("clipping scales a norm above the most down to it", "[optim]") {
  REQUIRE(clip_factor(0.5, 1) == 1);
  REQUIRE(clip_factor(4, 1) == 1 / (4 + 1e-6));
  REQUIRE(clip_factor(4, 0) == 1);
}
