// GGUF's blocks of 32 and 64 elements. In those of 32, byte j of the codes holds element j and, in
// its high half, element j + 16, so a group is 16 elements. Values are those of the gguf package,
// to the last bit: products and sums are rounded one by one in float32 (both compilers are told not
// to contract).
//
// A block format has its `name`, its `bytes`, `elements` and the length of a `group`; scale(block,
// g) is the scale of group g, value(block, g, k, scale) its element k. Where that is an integer
// times the scale, and perhaps more or less, code(block, g, k) is the integer.
#pragma once
#include <string_view>

#include "bytes.hpp"

namespace gguf {

struct Q4_0 {  // d, codes: d * (q - 8)
  static constexpr std::string_view name = "Q4_0";
  static constexpr int bytes = 18, elements = 32, group = 16;
  static constexpr Scale scale(const uint8_t* block, int) { return {half_at(block)}; }
  static constexpr int code(const uint8_t* block, int g, int k) {
    return nibble(block[2 + k], g) - 8;
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k));
  }
};

struct Q4_1 {  // d, m, codes: d * q + m
  static constexpr std::string_view name = "Q4_1";
  static constexpr int bytes = 20, elements = 32, group = 16;
  static constexpr Scale scale(const uint8_t* block, int) {
    return {half_at(block), half_at(block + 2)};
  }
  static constexpr int code(const uint8_t* block, int g, int k) { return nibble(block[4 + k], g); }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k)) + s.m;
  }
};

struct Q5_0 {  // d, fifth bits, codes: d * (q - 16)
  static constexpr std::string_view name = "Q5_0";
  static constexpr int bytes = 22, elements = 32, group = 16;
  static constexpr Scale scale(const uint8_t* block, int) { return {half_at(block)}; }
  static constexpr int code(const uint8_t* block, int g, int k) {
    const int high = bit(u16_at(block + 2 + 2 * g), k);
    return (nibble(block[6 + k], g) | high << 4) - 16;
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k));
  }
};

struct Q5_1 {  // d, m, fifth bits, codes: d * q + m
  static constexpr std::string_view name = "Q5_1";
  static constexpr int bytes = 24, elements = 32, group = 16;
  static constexpr Scale scale(const uint8_t* block, int) {
    return {half_at(block), half_at(block + 2)};
  }
  static constexpr int code(const uint8_t* block, int g, int k) {
    const int high = bit(u16_at(block + 4 + 2 * g), k);
    return nibble(block[8 + k], g) | high << 4;
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k)) + s.m;
  }
};

struct Q8_0 {  // d, signed bytes in order: q * d
  static constexpr std::string_view name = "Q8_0";
  static constexpr int bytes = 34, elements = 32, group = 16;
  static constexpr Scale scale(const uint8_t* block, int) { return {half_at(block)}; }
  static constexpr int code(const uint8_t* block, int g, int k) {
    return i8_at(block + 2 + 16 * g + k);
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return static_cast<float>(code(block, g, k)) * s.d;
  }
};

// The sixteen values of IQ4's codes, eight bytes to a word.
constexpr int iq4_value(int code) {
  constexpr uint64_t low = 0xf6eaddcfbfad9881, high = 0x7159453526190d01;
  return static_cast<int8_t>((code < 8 ? low : high) >> (8 * (code & 7)));
}

struct IQ4_NL {  // d, codes of a curve: d * value
  static constexpr std::string_view name = "IQ4_NL";
  static constexpr int bytes = 18, elements = 32, group = 16;
  static constexpr Scale scale(const uint8_t* block, int) { return {half_at(block)}; }
  static constexpr int code(const uint8_t* block, int g, int k) {
    return iq4_value(nibble(block[2 + k], g));
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * static_cast<float>(code(block, g, k));
  }
};

// Twice the value of a code of E2M1, a sign and three bits.
constexpr float twice_e2m1(int code) {
  constexpr uint64_t twice = 0x0c08060403020100;
  const int size = static_cast<int>(twice >> (8 * (code & 7)) & 15);
  return static_cast<float>(code < 8 ? size : -size);
}

struct MXFP4 {  // an exponent, codes of E2M1: 2^(e - 128) * twice the value
  static constexpr std::string_view name = "MXFP4";
  static constexpr int bytes = 17, elements = 32, group = 16;
  static constexpr Scale scale(const uint8_t* block, int) {
    const uint32_t e = block[0];
    return {std::bit_cast<float>(e < 2 ? 0x00200000u << e : (e - 1) << 23)};
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * twice_e2m1(nibble(block[1 + k], g));
  }
};

// Four scales of E4M3 without a sign, codes of E2M1: half the scale * twice the value. A group has
// eight bytes of codes: byte j holds element j and, in its high half, element j + 8. The sign's bit
// is ignored, but 0x7f is 0 and 0xff is not.
struct NVFP4 {
  static constexpr std::string_view name = "NVFP4";
  static constexpr int bytes = 36, elements = 64, group = 16;
  static constexpr Scale scale(const uint8_t* block, int g) {
    const uint32_t code = block[g], exponent = code >> 3 & 15, fraction = code & 7;
    if (code == 0x7f) return {0};
    if (exponent == 0) return {static_cast<float>(fraction) * 0x1p-10f};
    return {std::bit_cast<float>((exponent + 119) << 23 | fraction << 20)};
  }
  static constexpr float value(const uint8_t* block, int g, int k, Scale s) {
    return s.d * twice_e2m1(nibble(block[4 + 8 * g + k % 8], k / 8));
  }
};

}  // namespace gguf
