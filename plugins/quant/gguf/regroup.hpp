// Blocks whose numbers are those of weights in groups along a row, with the codes in another order
// and apart from their scales.
#pragma once
#include <kernels/groups.hpp>

#include "exponent.hpp"
#include "small_blocks.hpp"

namespace gguf {

// The groups of a block format: their `form`, and the bytes that a block has of codes, scales and
// zeros, which `make` fills. Formats without `form` have no such groups.
template <class Block>
struct InGroups {};

template <class Block>
concept regroups = requires {
  InGroups<Block>::form;
};

inline constexpr strata_dtype group_scale{STRATA_FLOAT, 16, 1};

// Eight codes of four bits, each in the low half of its byte, become four bytes of neighbors.
constexpr uint32_t neighbors(uint32_t first, uint32_t second) {
  const auto two = [](uint32_t word) {
    const uint32_t pairs = (word | word >> 4) & 0x00ff00ffU;
    return (pairs | pairs >> 8) & 0xffffU;
  };
  return two(first) | two(second) << 16;
}

constexpr void put_u16(uint32_t value, uint8_t* to) {
  to[0] = static_cast<uint8_t>(value);
  to[1] = static_cast<uint8_t>(value >> 8);
}

// The sixteen bytes of a block's codes: elements 0 to 15 in the low halves, then the high ones.
constexpr void order_nibbles(const uint8_t* from, uint8_t* to) {
  for (int half = 0; half < 2; ++half)
    for (int i = 0; i < 2; ++i) {
      const uint32_t a = u32_at(from + 8 * i) >> (4 * half) & 0x0f0f0f0fU;
      const uint32_t b = u32_at(from + 8 * i + 4) >> (4 * half) & 0x0f0f0f0fU;
      const uint32_t word = neighbors(a, b);
      put_u16(word & 0xffffU, to + 8 * half + 4 * i);
      put_u16(word >> 16, to + 8 * half + 4 * i + 2);
    }
}

template <>
struct InGroups<Q4_0> {
  using Form = strata::kernels::GroupForm;
  static constexpr Form form{strata::kernels::Code::int4, strata::kernels::Zero::none, group_scale,
                             Q4_0::elements};
  static constexpr int code_bytes = 16, zero_bytes = 0;
  static constexpr void make(const uint8_t* block, uint8_t* codes, uint8_t* scale, uint8_t*) {
    put_u16(u16_at(block), scale);
    order_nibbles(block + 2, codes);
  }
};

template <>
struct InGroups<Q4_1> {
  using Form = strata::kernels::GroupForm;
  static constexpr Form form{strata::kernels::Code::int4, strata::kernels::Zero::number,
                             group_scale, Q4_1::elements};
  static constexpr int code_bytes = 16, zero_bytes = 2;
  static constexpr void make(const uint8_t* block, uint8_t* codes, uint8_t* scale, uint8_t* zero) {
    put_u16(u16_at(block), scale);
    put_u16(u16_at(block + 2), zero);
    order_nibbles(block + 4, codes);
  }
};

template <>
struct InGroups<Q8_0> {
  using Form = strata::kernels::GroupForm;
  static constexpr Form form{strata::kernels::Code::int8, strata::kernels::Zero::none, group_scale,
                             Q8_0::elements};
  static constexpr int code_bytes = 32, zero_bytes = 0;
  // Codes of groups are 128 more than the signed bytes.
  static constexpr void make(const uint8_t* block, uint8_t* codes, uint8_t* scale, uint8_t*) {
    put_u16(u16_at(block), scale);
    for (int i = 0; i < code_bytes; ++i) codes[i] = static_cast<uint8_t>(block[2 + i] ^ 0x80);
  }
};

template <>
struct InGroups<MXFP4> {
  using Form = strata::kernels::GroupForm;
  static constexpr Form form{strata::kernels::Code::e2m1,
                             strata::kernels::Zero::none,
                             {STRATA_BFLOAT, 16, 1},
                             MXFP4::elements};
  static constexpr int code_bytes = 16, zero_bytes = 0;
  static constexpr void make(const uint8_t* block, uint8_t* codes, uint8_t* scale, uint8_t*) {
    put_u16(power_of_two(block[0]).bits, scale);
    order_nibbles(block + 1, codes);
  }
};

// Where the groups of a weight's blocks lie, one behind the other; zeros may be null.
struct GroupBytes {
  uint8_t *codes = nullptr, *scales = nullptr, *zeros = nullptr;
};

// Brings one block, the `at`-th of a weight, into groups.
template <regroups Block>
constexpr void regroup(const uint8_t* block, int64_t at, const GroupBytes& to) {
  using Groups = InGroups<Block>;
  Groups::make(block, to.codes + at * Groups::code_bytes, to.scales + 2 * at,
               to.zeros + at * Groups::zero_bytes);
}

}  // namespace gguf
