// GGUF's blocks of 256 elements: groups of 16 or 32 whose scales are themselves quantized. See
// small_blocks.hpp for the members of a block format.
#pragma once
#include "small_blocks.hpp"

namespace gguf {

// Codes of 2 bits: 128 elements in 32 bytes, each byte with elements j, j + 32, j + 64, j + 96. A
// group has 16.
constexpr int two_bits(const uint8_t* codes, int g, int k) {
  return pair(codes[g / 8 * 32 + g % 2 * 16 + k], g % 8 / 2);
}

struct Q2_K {  // 16 bytes of scales, codes, d, dmin: d * low scale * q - dmin * high scale
  static constexpr std::string_view name = "Q2_K";
  static constexpr int bytes = 84, elements = 256, group = 16;
  static constexpr Scale scale(const uint8_t* block, int g) {
    return {half_at(block + 80) * static_cast<float>(nibble(block[g], 0)),
            half_at(block + 82) * static_cast<float>(nibble(block[g], 1))};
  }
  static constexpr int code(const uint8_t* block, int g, int k) {
    return two_bits(block + 16, g, k);
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k)) - s.m;
  }
};

struct Q3_K {  // third bits, codes, 12 bytes of scales, d: 4 is subtracted if the third bit is 0
  static constexpr std::string_view name = "Q3_K";
  static constexpr int bytes = 110, elements = 256, group = 16;
  static constexpr Scale scale(const uint8_t* block, int g) {
    const uint8_t* scales = block + 96;
    const int code = nibble(scales[g % 8], g / 8) | pair(scales[8 + g % 4], g / 4) << 4;
    return {half_at(block + 108) * static_cast<float>(code - 32)};
  }
  static constexpr int code(const uint8_t* block, int g, int k) {
    const int high = bit(block[g % 2 * 16 + k], g / 2);
    return two_bits(block + 32, g, k) - 4 * (1 - high);
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k));
  }
};

// d, dmin and eight scales and minima of 6 bits in 12 bytes, as Q4_K and Q5_K begin.
constexpr Scale six_bits(const uint8_t* block, int g) {
  const uint8_t* s = block + 4;
  const int scale = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 2 & 48);
  const int least = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 2 & 48);
  return {half_at(block) * static_cast<float>(scale),
          half_at(block + 2) * static_cast<float>(least)};
}

struct Q4_K {  // d, dmin, scales, codes: d * scale * q - dmin * least
  static constexpr std::string_view name = "Q4_K";
  static constexpr int bytes = 144, elements = 256, group = 32;
  static constexpr Scale scale(const uint8_t* block, int g) { return six_bits(block, g); }
  static constexpr int code(const uint8_t* block, int g, int k) {
    return nibble(block[16 + g / 2 * 32 + k], g % 2);
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k)) - s.m;
  }
};

struct Q5_K {  // d, dmin, scales, fifth bits, codes
  static constexpr std::string_view name = "Q5_K";
  static constexpr int bytes = 176, elements = 256, group = 32;
  static constexpr Scale scale(const uint8_t* block, int g) { return six_bits(block, g); }
  static constexpr int code(const uint8_t* block, int g, int k) {
    return nibble(block[48 + g / 2 * 32 + k], g % 2) | bit(block[16 + k], g) << 4;
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k)) - s.m;
  }
};

struct Q6_K {  // low halves, high pairs, 16 signed scales, d: d * scale * (q - 32)
  static constexpr std::string_view name = "Q6_K";
  static constexpr int bytes = 210, elements = 256, group = 16;
  static constexpr Scale scale(const uint8_t* block, int g) {
    return {half_at(block + 208) * static_cast<float>(i8_at(block + 192 + g))};
  }
  static constexpr int code(const uint8_t* block, int g, int k) {
    const int low = nibble(block[g / 8 * 64 + g % 4 * 16 + k], g % 8 / 4);
    return (low | two_bits(block + 128, g, k) << 4) - 32;
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k));
  }
};

struct IQ4_XS {  // d, scales' high pairs, scales' low halves, codes of IQ4_NL's curve
  static constexpr std::string_view name = "IQ4_XS";
  static constexpr int bytes = 136, elements = 256, group = 16;
  static constexpr Scale scale(const uint8_t* block, int g) {
    const int of = g / 2, high = static_cast<int>(u16_at(block + 2) >> (2 * of) & 3);
    const int code = nibble(block[4 + of / 2], of % 2) | high << 4;
    return {half_at(block) * static_cast<float>(code - 32)};
  }
  static constexpr int code(const uint8_t* block, int g, int k) {
    return iq4_value(nibble(block[8 + g / 2 * 16 + k], g % 2));
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k));
  }
};

struct TQ1_0 {  // five digits of base 3 to a byte, four to the last bytes, d: d * (digit - 1)
  static constexpr std::string_view name = "TQ1_0";
  static constexpr int bytes = 54, elements = 256, group = 16;
  static constexpr Scale scale(const uint8_t* block, int) { return {half_at(block + 52)}; }
  static constexpr int code(const uint8_t* block, int g, int k) {
    if (g < 10) return digit(block[g % 2 * 16 + k], g / 2);
    return g < 15 ? digit(block[32 + k], g - 10) : digit(block[48 + k % 4], k / 4);
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k));
  }

 private:
  // The byte is a fraction of 256: after a multiplication by 3^place its first digit is the wanted
  // one.
  static constexpr int digit(uint8_t byte, int place) {
    constexpr uint64_t powers = 0x511b090301;  // 1, 3, 9, 27, 81
    const auto rest = static_cast<uint8_t>(byte * (powers >> (8 * place) & 255));
    return (rest * 3 >> 8) - 1;
  }
};

struct TQ2_0 {  // codes, d: d * (q - 1)
  static constexpr std::string_view name = "TQ2_0";
  static constexpr int bytes = 66, elements = 256, group = 16;
  static constexpr Scale scale(const uint8_t* block, int) { return {half_at(block + 64)}; }
  static constexpr int code(const uint8_t* block, int g, int k) {
    return two_bits(block, g, k) - 1;
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k));
  }
};

}  // namespace gguf
