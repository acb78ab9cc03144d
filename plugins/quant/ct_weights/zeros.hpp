// The zeros of integer codes in checkpoints of compressed-tensors.
#pragma once
#include "packed/codec.hpp"
#include "packed/grid.hpp"

namespace compressed_tensors {

using namespace packed;
using strata::kernels::Code, strata::kernels::Zero;

inline constexpr strata_dtype int8{STRATA_INT, 8, 1}, int32{STRATA_INT, 32, 1},
    byte{STRATA_UINT, 8, 1};

// The number of a code of `bits` bits at a position in an array of 32-bit words, in which codes
// follow each other from the lowest bit up and may lie across two words; `stride` is the distance
// between words. Codes are stored as unsigned numbers, larger by half their range.
inline int packed_code(const void* words, int64_t at, int64_t bits, int64_t stride = 1) {
  const auto bit = at * bits, word = bit / 32, shift = bit % 32;
  uint64_t both = load<uint32_t>(words, word * stride);
  if (shift + bits > 32) both |= uint64_t{load<uint32_t>(words, (word + 1) * stride)} << 32;
  const auto code = static_cast<int>(both >> shift & ((uint64_t{1} << bits) - 1));
  return code - (1 << (bits - 1));
}

inline int64_t words_for(int64_t codes, int64_t bits) { return (codes * bits + 31) / 32; }

// Each block of a weight has one of a few bits, and they are packed down the rows; or each scale
// has one in a byte; or there are none. The package reads none of a symmetric weight: where old
// versions have written them they are 0.
enum class Zeros : uint8_t { none, packed, bytes, packed_0, bytes_0 };

inline constexpr std::string_view zeros_words[] = {"none", "packed", "bytes", "packed-0",
                                                   "bytes-0"};

inline Zeros zeros_of(Words& words) {
  const auto word = words.word();
  for (std::size_t i = 0; i < std::size(zeros_words); ++i)
    if (zeros_words[i] == word) return static_cast<Zeros>(i);
  words.refuse();
}
inline std::string word_of(Zeros zeros) {
  return std::string(zeros_words[static_cast<std::size_t>(zeros)]);
}
inline Zeros of_symmetric(Zeros zeros) {
  return zeros == Zeros::packed ? Zeros::packed_0 : Zeros::bytes_0;
}
constexpr bool in_bytes(Zeros zeros) { return zeros == Zeros::bytes || zeros == Zeros::bytes_0; }
constexpr bool all_0(Zeros zeros) { return zeros == Zeros::packed_0 || zeros == Zeros::bytes_0; }
// The zeros in the form for products.
constexpr Zero zero_of(Zeros zeros) {
  return zeros == Zeros::none || all_0(zeros) ? Zero::none : Zero::code;
}

inline strata::Part part_of(Zeros zeros, const Grid& grid, int64_t bits, int64_t out, int64_t in) {
  if (in_bytes(zeros)) return {"weight_zero_point", int8, grid.shape(out, in)};
  return {"weight_zero_point", int32, {words_for(out, bits), grid.across(in)}};
}

inline int zero_at(Zeros zeros, const Grid& grid, int64_t bits, const void* from, int64_t row,
                   int64_t block, int64_t in) {
  if (zeros == Zeros::none) return 0;
  if (in_bytes(zeros)) return load<int8_t>(from, grid.position(row, block, in));
  const auto across = grid.across(in);
  return packed_code(static_cast<const char*>(from) + block * 4, row, bits, across);
}

// Throws where such zeros have to be 0 and are not.
inline void check_zeros(Zeros zeros, const Grid& grid, int64_t bits, const void* from, int64_t out,
                        int64_t in) {
  if (!all_0(zeros)) return;
  const auto across = grid.across(in);
  for (int64_t r = 0; r < out; ++r)
    for (int64_t block = 0; block < across; ++block)
      if (const auto zero = zero_at(zeros, grid, bits, from, r, block, in); zero != 0)
        throw strata::Failure(
            STRATA_INVALID,
            "weight_zero_point has the zero " + std::to_string(zero) +
                ", and config.json's symmetric is not false, with which none is read");
}

// Fills the zeros [out, blocks] of a form in groups, whose codes are larger by `offset`.
inline void repack_zeros(Zeros zeros, const Grid& grid, int64_t bits, const void* from, int64_t out,
                         int64_t in, int offset, uint8_t* to) {
  const auto across = grid.across(in);
  for (int64_t r = 0; r < out; ++r)
    for (int64_t block = 0; block < across; ++block) {
      const auto zero = zero_at(zeros, grid, bits, from, r, block, in) + offset;
      if (zero < 0 || zero > 255)
        throw strata::Failure(STRATA_INVALID,
                              "weight_zero_point " + std::to_string(zero - offset) + " is no code");
      *to++ = static_cast<uint8_t>(zero);
    }
}

}  // namespace compressed_tensors
