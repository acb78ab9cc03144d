// GGUF's blocks of 256 elements whose codes stand for points of a grid, four or eight elements
// each. See small_blocks.hpp for the members of a block format.
#pragma once
#include "iq1_grid.hpp"
#include "iq2_grids.hpp"
#include "iq3_grids.hpp"
#include "small_blocks.hpp"

namespace gguf {

// Element j of the point's eight: 8, 25 or 43.
constexpr float iq2_value(uint32_t point, int j) {
  return static_cast<float>(0x2b1908 >> (8 * (point >> (2 * j) & 3)) & 255);
}

// The signs of eight elements from seven bits: the number of minus signs is even, which gives the
// eighth.
constexpr uint32_t even_signs(uint32_t seven) {
  uint32_t odd = seven ^ seven >> 4;
  odd ^= odd >> 2;
  odd ^= odd >> 1;
  return seven | (odd & 1) << 7;
}

constexpr float with_sign(float value, uint32_t signs, int j) {
  return bit(signs, j) ? value * -1.0f : value;
}

struct IQ2_XXS {  // d; for 32 elements: four codes, then four times seven signs and a scale
  static constexpr std::string_view name = "IQ2_XXS";
  static constexpr int bytes = 66, elements = 256, group = 32;
  static constexpr Scale scale(const uint8_t* block, int g) {
    const auto code = static_cast<float>(u32_at(block + 6 + 8 * g) >> 28);
    return {half_at(block) * (0.5f + code) * 0.25f};
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    const uint8_t* codes = block + 2 + 8 * g;
    const uint32_t signs = even_signs(u32_at(codes + 4) >> (7 * (k / 8)) & 127);
    return with_sign(s.d * iq2_value(iq2_xxs_grid[codes[k / 8]], k % 8), signs, k % 8);
  }
};

struct IQ2_XS {  // d, codes of 9 bits with seven signs, scales of 4 bits
  static constexpr std::string_view name = "IQ2_XS";
  static constexpr int bytes = 74, elements = 256, group = 16;
  static constexpr Scale scale(const uint8_t* block, int g) {
    const auto code = static_cast<float>(nibble(block[66 + g / 2], g % 2));
    return {half_at(block) * (0.5f + code) * 0.25f};
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    const uint32_t code = u16_at(block + 2 + 2 * (2 * g + k / 8));
    return with_sign(s.d * iq2_value(iq2_xs_grid[code & 511], k % 8), even_signs(code >> 9), k % 8);
  }
};

struct IQ2_S {  // d, codes, signs, the codes' high pairs, scales of 4 bits
  static constexpr std::string_view name = "IQ2_S";
  static constexpr int bytes = 82, elements = 256, group = 16;
  static constexpr Scale scale(const uint8_t* block, int g) {
    const auto code = static_cast<float>(nibble(block[74 + g / 2], g % 2));
    return {half_at(block) * (0.5f + code) * 0.25f};
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    const int at = 2 * g + k / 8, code = block[2 + at] | pair(block[66 + at / 4], at % 4) << 8;
    return with_sign(s.d * iq2_value(iq2_s_grid[code], k % 8), block[34 + at], k % 8);
  }
};

struct IQ3_XXS {  // d, codes; for 32 elements: four times seven signs and a scale
  static constexpr std::string_view name = "IQ3_XXS";
  static constexpr int bytes = 98, elements = 256, group = 32;
  static constexpr Scale scale(const uint8_t* block, int g) {
    const auto code = static_cast<float>(u32_at(block + 66 + 4 * g) >> 28);
    return {half_at(block) * (0.5f + code) * 0.5f};
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    const uint32_t signs = even_signs(u32_at(block + 66 + 4 * g) >> (7 * (k / 8)) & 127);
    const int step = iq3_xxs_grid[block[2 + 8 * g + k / 4]] >> (4 * (k % 4)) & 15;
    return with_sign(s.d * static_cast<float>(step < 7 ? 4 + 8 * step : 62), signs, k % 8);
  }
};

struct IQ3_S {  // d, codes, the codes' ninth bits, signs, scales of 4 bits
  static constexpr std::string_view name = "IQ3_S";
  static constexpr int bytes = 110, elements = 256, group = 32;
  static constexpr Scale scale(const uint8_t* block, int g) {
    return {half_at(block) * static_cast<float>(1 + 2 * nibble(block[106 + g / 2], g % 2))};
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    const int code = block[2 + 8 * g + k / 4] | bit(block[66 + g], k / 4) << 8;
    const int step = iq3_s_grid[code] >> (4 * (k % 4)) & 15;
    return with_sign(s.d * static_cast<float>(1 + 2 * step), block[74 + 4 * g + k / 8], k % 8);
  }
};

// Element j of a point, moved an eighth up or down.
constexpr float iq1_value(int code, int j, int down) {
  const int step = static_cast<int>(iq1_grid[code] >> (2 * j) & 3) - 1;
  return static_cast<float>(step) + (down ? -0.125f : 0.125f);
}

struct IQ1_S {  // d, codes; for 32 elements: three more bits a code, a scale and a direction
  static constexpr std::string_view name = "IQ1_S";
  static constexpr int bytes = 50, elements = 256, group = 32;
  static constexpr Scale scale(const uint8_t* block, int g) {
    const auto code = static_cast<int>(u16_at(block + 34 + 2 * g) >> 12 & 7);
    return {half_at(block) * static_cast<float>(2 * code + 1)};
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    const auto high = static_cast<int>(u16_at(block + 34 + 2 * g));
    const int code = block[2 + 4 * g + k / 8] | (high >> (3 * (k / 8)) & 7) << 8;
    return s.d * iq1_value(code, k % 8, high >> 15);
  }
};

struct IQ1_M {  // codes, their high bits and directions, scales of 3 bits beside the quarters of d
  static constexpr std::string_view name = "IQ1_M";
  static constexpr int bytes = 56, elements = 256, group = 16;
  static constexpr Scale scale(const uint8_t* block, int g) {
    const uint8_t* scales = block + 48;
    uint32_t d = 0;
    for (int i = 0; i < 4; ++i) d |= u16_at(scales + 2 * i) >> 12 << (4 * i);
    const auto code = static_cast<int>(u16_at(scales + g / 4 * 2) >> (3 * (g % 4)) & 7);
    return {to_float(Half{static_cast<uint16_t>(d)}) * static_cast<float>(2 * code + 1)};
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    const int at = 2 * g + k / 8, high = nibble(block[32 + at / 2], at % 2);
    return s.d * iq1_value(block[at] | (high & 7) << 8, k % 8, high & 8);
  }
};

}  // namespace gguf
