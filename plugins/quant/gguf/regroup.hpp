// Blocks whose numbers are those of weights in groups along a row, with the codes in another order
// and apart from their scales: 4 or 8 bits a number, and what scales need in float16 or float32.
#pragma once
#include <kernels/groups.hpp>

#include "exponent.hpp"
#include "super_blocks.hpp"

namespace gguf {

inline constexpr strata_dtype half_scale{STRATA_FLOAT, 16, 1}, brain_scale{STRATA_BFLOAT, 16, 1},
    single_scale{STRATA_FLOAT, 32, 1};

constexpr void put_u16(uint32_t value, uint8_t* to) {
  to[0] = static_cast<uint8_t>(value);
  to[1] = static_cast<uint8_t>(value >> 8);
}

// The groups of a block format:
//   form                            with whole groups in a block
//   bits(block, g, k)               the code of element k of the block's group g, as of value()
//   put_scale(block, g, to)         the scale of the group that begins with the block's group g
//   put_zero(block, g, to)          its zero, where the form has zeros
// Formats without `form` have no such groups.
template <class Block>
struct InGroups {};

template <class Block>
concept regroups = requires {
  InGroups<Block>::form;
};

// Integers times a scale, which is a number of the block or made from several; `sign` tells whether
// the offset is added (1), subtracted (-1), or not there.
template <class Block, strata::kernels::Code code, int group, bool single, int sign = 0>
struct Integers {
  using Zero = strata::kernels::Zero;
  static constexpr bool four = code == strata::kernels::Code::int4;
  static constexpr int less = sign != 0 ? 0 : four ? 8 : 128;  // than the code
  static constexpr strata::kernels::GroupForm form{code, sign != 0 ? Zero::number : Zero::none,
                                                   single ? single_scale : half_scale, group};
  static constexpr uint8_t bits(const uint8_t* block, int g, int k) {
    return static_cast<uint8_t>(Block::code(block, g, k) + less);
  }
  static constexpr void put_scale(const uint8_t* block, int g, uint8_t* to) {
    put(Block::scale(block, g).d, to);
  }
  static constexpr void put_zero(const uint8_t* block, int g, uint8_t* to) {
    const auto m = Block::scale(block, g).m;
    put(sign > 0 ? m : -m, to);
  }

 private:
  static constexpr void put(float value, uint8_t* to) {
    if constexpr (single) {
      const auto all = std::bit_cast<uint32_t>(value);
      put_u16(all & 0xffffU, to);
      put_u16(all >> 16, to + 2);
    } else {
      put_u16(to_half(value).bits, to);
    }
  }
};

using enum strata::kernels::Code;

template <>
struct InGroups<Q4_0> : Integers<Q4_0, int4, 32, false> {};
template <>
struct InGroups<Q4_1> : Integers<Q4_1, int4, 32, false, 1> {};
template <>
struct InGroups<Q5_0> : Integers<Q5_0, int8, 32, false> {};
template <>
struct InGroups<Q5_1> : Integers<Q5_1, int8, 32, false, 1> {};
template <>
struct InGroups<Q8_0> : Integers<Q8_0, int8, 32, false> {};
template <>
struct InGroups<Q2_K> : Integers<Q2_K, int4, 16, true, -1> {};
template <>
struct InGroups<Q3_K> : Integers<Q3_K, int4, 16, true> {};
template <>
struct InGroups<Q4_K> : Integers<Q4_K, int4, 32, true, -1> {};
template <>
struct InGroups<Q5_K> : Integers<Q5_K, int8, 32, true, -1> {};
template <>
struct InGroups<Q6_K> : Integers<Q6_K, int8, 16, true> {};
template <>
struct InGroups<IQ4_NL> : Integers<IQ4_NL, int8, 32, false> {};
template <>
struct InGroups<IQ4_XS> : Integers<IQ4_XS, int8, 32, true> {};
template <>
struct InGroups<TQ1_0> : Integers<TQ1_0, int4, 256, false> {};
template <>
struct InGroups<TQ2_0> : Integers<TQ2_0, int4, 256, false> {};

template <>
struct InGroups<MXFP4> {
  static constexpr strata::kernels::GroupForm form{e2m1, strata::kernels::Zero::none, brain_scale,
                                                   32};
  static constexpr uint8_t bits(const uint8_t* block, int g, int k) {
    return static_cast<uint8_t>(nibble(block[1 + k], g));
  }
  static constexpr void put_scale(const uint8_t* block, int, uint8_t* to) {
    put_u16(power_of_two(block[0]).bits, to);
  }
};

template <>
struct InGroups<NVFP4> {
  static constexpr strata::kernels::GroupForm form{e2m1, strata::kernels::Zero::none, half_scale,
                                                   16};
  static constexpr uint8_t bits(const uint8_t* block, int g, int k) {
    return static_cast<uint8_t>(nibble(block[4 + 8 * g + k % 8], k / 8));
  }
  static constexpr void put_scale(const uint8_t* block, int g, uint8_t* to) {
    put_u16(to_half(2 * NVFP4::scale(block, g).d).bits, to);  // E4M3, which float16 holds
  }
};

// Where the groups of a weight's blocks lie, one behind the other; zeros may be null.
struct GroupBytes {
  uint8_t *codes = nullptr, *scales = nullptr, *zeros = nullptr;
};

template <regroups Block>
inline constexpr int groups_of_block = Block::elements /
                                       static_cast<int>(InGroups<Block>::form.group);

// Fills the group `at` of a weight from its block.
template <regroups Block>
constexpr void regroup(const uint8_t* blocks, int64_t at, const GroupBytes& to) {
  using Groups = InGroups<Block>;
  constexpr int length = static_cast<int>(Groups::form.group), scale = Groups::form.scale.bits / 8;
  constexpr bool four = Groups::form.code != int8;
  const uint8_t* const block = blocks + at / groups_of_block<Block> * Block::bytes;
  const int first = static_cast<int>(at % groups_of_block<Block>) * length;
  const auto bits = [&](int k) {
    return Groups::bits(block, (first + k) / Block::group, (first + k) % Block::group);
  };
  uint8_t* const codes = to.codes + at * (four ? length / 2 : length);
  for (int k = 0; k < (four ? length / 2 : length); ++k)
    codes[k] = four ? static_cast<uint8_t>(bits(2 * k) | bits(2 * k + 1) << 4) : bits(k);
  Groups::put_scale(block, first / Block::group, to.scales + at * scale);
  if constexpr (Groups::form.zero != strata::kernels::Zero::none)
    Groups::put_zero(block, first / Block::group, to.zeros + at * scale);
}

}  // namespace gguf
