// The numbers that codes stand for which are no integers.
#pragma once
#include <bit>
#include <cstdint>

namespace strata::kernels {

// NormalFloat of four bits: quantiles of the normal distribution, scaled to [-1, 1], as QLoRA's
// authors published them.
inline constexpr float nf4_numbers[16] = {-1.0F,
                                          -0.6961928009986877F,
                                          -0.5250730514526367F,
                                          -0.39491748809814453F,
                                          -0.28444138169288635F,
                                          -0.18477343022823334F,
                                          -0.09105003625154495F,
                                          0.0F,
                                          0.07958029955625534F,
                                          0.16093020141124725F,
                                          0.24611230194568634F,
                                          0.33791524171829224F,
                                          0.44070982933044434F,
                                          0.5626170039176941F,
                                          0.7229568362236023F,
                                          1.0F};

// A sign, two bits of exponent and one of mantissa, of OCP's Microscaling formats.
inline constexpr float e2m1_numbers[16] = {0.0F,  0.5F,  1.0F,  1.5F,  2.0F,  3.0F,  4.0F,  6.0F,
                                           -0.0F, -0.5F, -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F};

// A sign, four bits of exponent with a bias of 7 and three of mantissa; no code is infinite, and
// the largest of each sign is NaN. PyTorch calls it float8_e4m3fn.
constexpr float e4m3_number(uint8_t code) {
  const uint32_t magnitude = code & 0x7fU, sign = (code & 0x80U) << 24;
  // Exponents differ by 120; the multiplication normalizes subnormal numbers.
  const float scaled = std::bit_cast<float>(magnitude << 20) * 0x1p120F;
  const uint32_t special = magnitude == 0x7fU ? 0x7fc00000U : 0U;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(scaled) | special | sign);
}

}  // namespace strata::kernels
