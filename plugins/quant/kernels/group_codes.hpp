// These functions unpack the scales of groups in blocks of 256 elements to a byte each. Sources for
// several processors include this: every function is inlined, so that none runs code for another
// one.
#pragma once
#include <cstdint>
#include <cstring>

namespace strata::kernels {

// Sixteen bytes, the first of which is the lowest of at[0].
struct Words {
  uint32_t at[4];
};

[[gnu::always_inline]] inline Words words_at(const uint8_t* p, unsigned count = 4) {
  Words out{};
  std::memcpy(out.at, p, sizeof(uint32_t) * count);
  return out;
}

// Q2_K has scales in the low halves of sixteen bytes and minima in the high ones.
[[gnu::always_inline]] inline Words low_halves(const Words& from) {
  constexpr uint32_t low = 0x0f0f0f0fU;
  return {{from.at[0] & low, from.at[1] & low, from.at[2] & low, from.at[3] & low}};
}
[[gnu::always_inline]] inline Words high_halves(const Words& from) {
  return low_halves({{from.at[0] >> 4, from.at[1] >> 4, from.at[2] >> 4, from.at[3] >> 4}});
}

// Q3_K has eight bytes with the low four bits of sixteen scales, then four with the high pairs.
[[gnu::always_inline]] inline Words sixteen_of_six_bits(const uint8_t* p) {
  const auto from = words_at(p, 3);
  constexpr uint32_t low = 0x0f0f0f0fU, pair = 0x03030303U;
  const uint32_t high = from.at[2];
  return {{(from.at[0] & low) | (high & pair) << 4, (from.at[1] & low) | (high >> 2 & pair) << 4,
           (from.at[0] >> 4 & low) | (high >> 4 & pair) << 4,
           (from.at[1] >> 4 & low) | (high >> 6 & pair) << 4}};
}

// Q4_K and Q5_K have eight scales and eight minima, which come out in this order. Four of each lie
// in six bits with the high pairs of the others above them; the low halves of those follow.
[[gnu::always_inline]] inline Words eight_of_six_bits(const uint8_t* p) {
  const auto from = words_at(p, 3);
  constexpr uint32_t six = 0x3f3f3f3fU, low = 0x0f0f0f0fU, pair = 0x30303030U;
  return {{from.at[0] & six, (from.at[2] & low) | (from.at[0] >> 2 & pair), from.at[1] & six,
           (from.at[2] >> 4 & low) | (from.at[1] >> 2 & pair)}};
}

}  // namespace strata::kernels
