#include "app/quantize/e4m3.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace strata::app {

std::uint8_t to_e4m3(float value) {
  constexpr std::uint32_t largest = 0x7e;
  constexpr float least_normal = 0x1p-6f, subnormal_unit = 0x1p-9f;
  const auto sign = static_cast<std::uint32_t>(std::signbit(value) ? 0x80 : 0);
  const float size = std::abs(value);
  if (size < least_normal)  // eight units are the code of the least normal number
    return static_cast<std::uint8_t>(
        sign | static_cast<std::uint32_t>(std::nearbyint(size / subnormal_unit)));
  auto bits = std::bit_cast<std::uint32_t>(std::min(size, 448.0f));
  bits += 0x7ffff + (bits >> 20 & 1);  // rounds away 20 of the 23 bits of the fraction
  const auto code = (bits >> 20) - ((127 - 7) << 3);  // the biases of the exponents differ
  return static_cast<std::uint8_t>(sign | std::min(code, largest));
}

}  // namespace strata::app
