#include "app/quantize/e4m3.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

namespace strata::app {
namespace {

// The number of a byte, from the type's definition: 4 bits of exponent with bias 7, 3 of fraction.
double value_of(std::uint8_t byte) {
  const int exponent = byte >> 3 & 15, fraction = byte & 7;
  const double size =
      exponent == 0 ? std::ldexp(fraction, -9) : std::ldexp(8 + fraction, exponent - 10);
  return byte >> 7 ? -size : size;
}

// The nearest of all numbers of the type; of two that are equally near, the one with an even byte.
std::uint8_t nearest(float value) {
  std::uint8_t best = 0;
  const auto sign = static_cast<std::uint8_t>(std::signbit(value) ? 0x80 : 0);
  for (std::uint8_t byte = 0; byte < 0x7f; ++byte) {  // 0x7f is no number
    const auto distance = [&](std::uint8_t b) {
      return std::abs(value_of(b) - std::abs(double{value}));
    };
    if (distance(byte) < distance(best) || (distance(byte) == distance(best) && byte % 2 == 0))
      best = byte;
  }
  return best | sign;
}

}  // namespace

TEST_CASE("every number of E4M3 is its own nearest one", "[app][quantize]") {
  for (int byte = 0; byte < 256; ++byte)
    if ((byte & 0x7f) != 0x7f)
      REQUIRE(to_e4m3(static_cast<float>(value_of(static_cast<std::uint8_t>(byte)))) == byte);
}

TEST_CASE("a number becomes the nearest one of E4M3, a tie the even one", "[app][quantize]") {
  for (int byte = 0; byte < 0x7e; ++byte) {
    const auto low = value_of(static_cast<std::uint8_t>(byte)),
               high = value_of(static_cast<std::uint8_t>(byte + 1));
    for (const double part : {0.25, 0.4999, 0.5, 0.5001, 0.75})
      for (const double sign : {1.0, -1.0}) {
        const auto value = static_cast<float>(sign * (low + part * (high - low)));
        INFO(value);
        REQUIRE(to_e4m3(value) == nearest(value));
      }
  }
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 100);
  for (int i = 0; i < 2000; ++i) {
    const auto value = std::min(std::max(normal(random), -448.0f), 448.0f);
    INFO(value);
    REQUIRE(to_e4m3(value) == nearest(value));
  }
}

TEST_CASE("E4M3 holds what is too large as its largest number", "[app][quantize]") {
  REQUIRE(to_e4m3(448) == 0x7e);
  REQUIRE(to_e4m3(463) == 0x7e);
  REQUIRE(to_e4m3(1e30f) == 0x7e);
  REQUIRE(to_e4m3(-500) == 0xfe);
  REQUIRE(to_e4m3(0x1p-149f) == 0);
}

}  // namespace strata::app
