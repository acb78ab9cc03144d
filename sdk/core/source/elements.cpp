#include "core/source/elements.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/source/dtype.hpp"

namespace strata::source {
namespace {

template <class T>
T loaded(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <class T>
void store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

double of_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double size = exponent == 31  ? (fraction ? NAN : INFINITY)
                      : exponent == 0 ? std::ldexp(fraction, -24)
                                      : std::ldexp(1024 + fraction, exponent - 25);
  return bits >> 15 ? -size : size;
}

std::uint16_t to_half(double value) {
  const auto sign = static_cast<std::uint16_t>(std::signbit(value) ? 0x8000 : 0);
  const double size = std::abs(value);
  if (std::isnan(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const int exponent = std::max(std::ilogb(size), -14);  // subnormal ones share the least
  const auto units = static_cast<int>(std::nearbyint(std::ldexp(size, 10 - exponent)));
  return static_cast<std::uint16_t>(sign | (units + (exponent + 14) * 1024));
}

std::uint16_t to_bfloat(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  if (std::isnan(value)) return 0x7fc0;
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace

bool is_floating(strata_dtype dtype) {
  return same(dtype, f64) || same(dtype, f32) || same(dtype, f16) || same(dtype, bf16);
}

double element(strata_dtype dtype, const std::byte* from) {
  if (same(dtype, f64)) return loaded<double>(from);
  if (same(dtype, f32)) return loaded<float>(from);
  const auto bits = loaded<std::uint16_t>(from);
  if (same(dtype, f16)) return of_half(bits);
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

void set_element(strata_dtype dtype, std::byte* to, double value) {
  if (same(dtype, f64)) store(to, value);
  if (same(dtype, f32)) store(to, static_cast<float>(value));
  if (same(dtype, f16)) store(to, to_half(value));
  if (same(dtype, bf16)) store(to, to_bfloat(value));
}

}  // namespace strata::source
