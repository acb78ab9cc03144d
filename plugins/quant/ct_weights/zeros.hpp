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
// has one in a byte; or there are none.
enum class Zeros : uint8_t { none, packed, bytes };

inline constexpr std::string_view zeros_words[] = {"none", "packed", "bytes"};

inline Zeros zeros_of(Words& words) {
  const auto word = words.word();
  for (std::size_t i = 0; i < std::size(zeros_words); ++i)
    if (zeros_words[i] == word) return static_cast<Zeros>(i);
  words.refuse();
}
inline std::string word_of(Zeros zeros) {
  return std::string(zeros_words[static_cast<std::size_t>(zeros)]);
}

inline strata::Part part_of(Zeros zeros, const Grid& grid, int64_t bits, int64_t out, int64_t in) {
  if (zeros == Zeros::bytes) return {"weight_zero_point", int8, grid.shape(out, in)};
  return {"weight_zero_point", int32, {words_for(out, bits), grid.across(in)}};
}

inline int zero_at(Zeros zeros, const Grid& grid, int64_t bits, const void* from, int64_t row,
                   int64_t block, int64_t in) {
  if (zeros == Zeros::none) return 0;
  if (zeros == Zeros::bytes) return load<int8_t>(from, grid.position(row, block, in));
  const auto across = grid.across(in);
  return packed_code(static_cast<const char*>(from) + block * 4, row, bits, across);
}

// Fills the zeros [out, blocks] of a form in groups, whose codes are larger by `offset`.
inline void repack_zeros(Zeros zeros, const Grid& grid, int64_t bits, const void* from, int64_t out,
                         int64_t in, int offset, uint8_t* to) {
  const auto across = grid.across(in);
  for (int64_t r = 0; r < out; ++r)
    for (int64_t block = 0; block < across; ++block) {
      const auto zero = zero_at(zeros, grid, bits, from, r, block, in) + offset;
      if (zero < 0 || zero > 255)
        throw strata::Failure(STRATA_INVALID, "weight_zero_point " + std::to_string(zero - offset) +
                                                  " is no code: fetch the checkpoint again");
      *to++ = static_cast<uint8_t>(zero);
    }
}

}  // namespace compressed_tensors
