// The scales that blocks of 256 elements pack for their groups, as one byte each. Sources for several
// processors include this: every function is inlined, so that none runs code for another one.
#pragma once
#include <cstdint>
#include <cstring>

namespace strata::kernels {

namespace detail {

struct Words {
  uint32_t at[4];
};
[[gnu::always_inline]] inline Words words(const uint8_t* p, int count) {
  Words out{};
  std::memcpy(out.at, p, sizeof(uint32_t) * static_cast<unsigned>(count));
  return out;
}

}  // namespace detail

struct Halves {
  alignas(16) uint8_t low[16];
  alignas(16) uint8_t high[16];
};
// Q2_K: sixteen bytes with a scale in the low half and a minimum in the high one.
[[gnu::always_inline]] inline Halves pairs_of_nibbles(const uint8_t* p) {
  const auto from = detail::words(p, 4);
  detail::Words low, high;
  for (int i = 0; i < 4; ++i) {
    low.at[i] = from.at[i] & 0x0f0f0f0fU;
    high.at[i] = from.at[i] >> 4 & 0x0f0f0f0fU;
  }
  Halves out;
  std::memcpy(out.low, low.at, 16);
  std::memcpy(out.high, high.at, 16);
  return out;
}

struct Sixteen {
  alignas(16) uint8_t scale[16];
};
// Q3_K: eight bytes of low halves, low groups first, then four bytes of high pairs.
[[gnu::always_inline]] inline Sixteen sixteen_of_six_bits(const uint8_t* p) {
  const auto from = detail::words(p, 3);
  constexpr uint32_t low = 0x0f0f0f0fU, pair = 0x03030303U;
  const uint32_t high = from.at[2];
  const uint32_t out[4] = {(from.at[0] & low) | (high & pair) << 4,
                           (from.at[1] & low) | (high >> 2 & pair) << 4,
                           (from.at[0] >> 4 & low) | (high >> 4 & pair) << 4,
                           (from.at[1] >> 4 & low) | (high >> 6 & pair) << 4};
  Sixteen codes;
  std::memcpy(codes.scale, out, 16);
  return codes;
}

// The minima follow the scales without space.
struct Eight {
  alignas(16) uint8_t scale[8];
  uint8_t least[8];
};
static_assert(sizeof(Eight) == 16);
// Q4_K and Q5_K: four scales and four minima of six bits, and the high pairs of four more of each,
// whose low halves follow.
[[gnu::always_inline]] inline Eight eight_of_six_bits(const uint8_t* p) {
  const auto from = detail::words(p, 3);
  constexpr uint32_t six = 0x3f3f3f3fU, low = 0x0f0f0f0fU, pair = 0x30303030U;
  const uint32_t scale[2] = {from.at[0] & six, (from.at[2] & low) | (from.at[0] >> 2 & pair)};
  const uint32_t least[2] = {from.at[1] & six, (from.at[2] >> 4 & low) | (from.at[1] >> 2 & pair)};
  Eight out;
  std::memcpy(out.scale, scale, 8);
  std::memcpy(out.least, least, 8);
  return out;
}

}  // namespace strata::kernels
