#include "core/optim/cast.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/sdk/core/optim/each_target.hpp"
#include "tests/sdk/core/optim/plain.hpp"

using namespace strata;
using namespace strata::optim;
using plain::Array;

namespace {

// Random bits, so that subnormals, infinities, NaN and every exponent occur, and halves of the last
// place of either type of 16 bits.
Array random_floats(uint64_t count) {
  Array out(f32, count);
  std::mt19937 random(11);
  for (uint64_t at = 0; at < count; ++at) {
    auto bits = static_cast<uint32_t>(random());
    if (at % 4 == 1) bits = (bits & 0xffff0000) | 0x8000;
    if (at % 4 == 2) bits = (bits & 0x8fffe000) | 0x30001000;
    if (at % 4 == 3) bits = (bits & 0x83ffffff) | 0x34000000;
    out.floats()[at] = std::bit_cast<float>(bits);
  }
  return out;
}

}  // namespace

TEST_CASE("a cast rounds every element to the nearest on every kind of vectors", "[optim]") {
  const auto to = GENERATE(bf16, f16, f32, f64);
  auto from = random_floats(20'003);
  Array expected(to, from.count());
  for (uint64_t at = 0; at < from.count(); ++at) expected.set(at, from.floats()[at]);
  on_each_target([&] {
    Array out(to, from.count());
    cast(to, out.data(), f32, from.data(), 0, 7001);
    cast(to, out.data(), f32, from.data(), 7001, from.count() - 7001);
    if (same(to, f32) || same(to, f64)) {  // NaN keeps its bits or is quiet
      for (uint64_t at = 0; at < from.count(); ++at)
        REQUIRE((out.get(at) == from.floats()[at] ||
                 (std::isnan(out.get(at)) && std::isnan(from.floats()[at]))));
    } else {
      REQUIRE(out == expected);
    }
  });
}

TEST_CASE("every value of 16 bits survives the way to the wider types and back", "[optim]") {
  const auto small = GENERATE(bf16, f16);
  const auto wide = GENERATE(f32, f64);
  Array from(small, 65536), through(wide, 65536), back(small, 65536);
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    std::memcpy(from.data() + bits * 2, &half, 2);
  }
  on_each_target([&] {
    cast(wide, through.data(), small, from.data(), 0, 65536);
    cast(small, back.data(), wide, through.data(), 0, 65536);
    for (uint32_t bits = 0; bits < 65536; ++bits)
      if (std::isnan(from.get(bits)))
        REQUIRE((std::isnan(through.get(bits)) && std::isnan(back.get(bits))));
      else
        REQUIRE((through.get(bits) == from.get(bits) && back.get(bits) == from.get(bits) &&
                 std::signbit(back.get(bits)) == std::signbit(from.get(bits))));
  });
}
