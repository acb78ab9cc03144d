#include "awq/format.hpp"

#include <algorithm>

#include "transposed/transpose.hpp"

namespace awq {
namespace {

using transposed::Shape;

constexpr int64_t in_word = 8;                               // codes
constexpr int place_of[in_word] = {0, 4, 1, 5, 2, 6, 3, 7};  // of a row in its word

constexpr int64_t wide = Format::tile / in_word;  // words of a tile's rows
using Line [[gnu::vector_size(wide * 4)]] = uint32_t;

// One step of turn_squares: words that are `apart` exchange pieces of as many codes.
template <int apart, uint32_t low>
void exchange(Line (&words)[in_word]) {
  constexpr int bits = 4 * apart;
  for (int q = 0; q < in_word; ++q) {
    if ((q & apart) != 0) continue;
    auto &a = words[q], &b = words[q + apart];
    const Line x = a, y = b;
    a = (x & low) | (y & low) << bits;
    b = (x >> bits & low) | (y & ~low);
  }
}

// Transposes squares of 8 by 8 codes, one in each lane: code p of words[q] and code q of
// words[p] change places.
void turn_squares(Line (&words)[in_word]) {
  exchange<4, 0x0000ffffU>(words);
  exchange<2, 0x00ff00ffU>(words);
  exchange<1, 0x0f0f0f0fU>(words);
}

}  // namespace

Format::Format(std::string_view words, std::string_view text) {
  form = transposed::form_of(words, text);
  if (form.bits != 4 || scheme() != text)
    throw strata::Failure(STRATA_INVALID,
                          std::string(text) + ": no scheme of this codec: write \"awq 4 128 f16\"");
}

std::string Format::scheme() const { return std::string(key) + ' ' + transposed::words_of(form); }

std::vector<strata::Part> Format::parts(const Shape& shape) const {
  if (shape.out % in_word != 0)
    throw strata::Failure(STRATA_INVALID, scheme() + ": " + std::to_string(shape.out) +
                                              " rows do not fill words of " +
                                              std::to_string(in_word));
  const auto groups = transposed::groups_in(form, shape.in);
  constexpr strata_dtype word{STRATA_INT, 32, 1};
  return {{"codes", word, {shape.in, shape.out / in_word}},
          {"zeros", word, {groups, shape.out / in_word}},
          {"scales", form.scale, {groups, shape.out}}};
}

// Sixteen squares come together before they are written, so that each cache line of a row's stream
// is written once. Columns that are no multiple of 8 leave the last word's high codes 0.
void Format::turn_codes(const std::byte* codes, const Shape& shape, int64_t first, int64_t count,
                        std::byte* to, int64_t stride) const {
  constexpr int64_t line = 16;
  const int64_t across = shape.out / in_word, words = (shape.in + in_word - 1) / in_word;
  const auto bytes = static_cast<std::size_t>(count / in_word) * 4;
  uint32_t squares[line][tile]{}, turned[tile][line];
  for (int64_t k = 0; k < words; k += line) {
    const auto some = std::min(line, words - k);
    for (int64_t b = 0; b < some; ++b) {
      const int64_t column = (k + b) * in_word, columns = std::min(in_word, shape.in - column);
      const auto* from = codes + (column * across + first / in_word) * 4;
      Line square[in_word]{};
      if (columns == in_word && count == tile)
        for (int64_t q = 0; q < in_word; ++q)
          std::memcpy(&square[q], from + q * across * 4, sizeof square[q]);
      else
        for (int64_t q = 0; q < columns; ++q) std::memcpy(&square[q], from + q * across * 4, bytes);
      turn_squares(square);
      static_assert(sizeof square == sizeof squares[b]);
      std::memcpy(squares[b], square, sizeof square);
    }
    transposed::transpose(squares, turned);
    for (int64_t r = 0; r < count; ++r) {
      const auto& row = turned[place_of[r % in_word] * wide + r / in_word];
      if (some == line)
        std::memcpy(to + r * stride + k * 4, row, sizeof row);
      else
        std::memcpy(to + r * stride + k * 4, row, static_cast<std::size_t>(some) * 4);
    }
  }
}

void Format::read_zeros(const std::byte* zeros, const Shape& shape, int64_t group, int64_t first,
                        int64_t count, uint8_t* to) const {
  const auto* from = zeros + (group * shape.out + first) / in_word * 4;
  for (int64_t j = 0; j < count / in_word; ++j, to += in_word) {
    const auto word = transposed::word_at(from, j);
    for (int n = 0; n < in_word; ++n) to[n] = static_cast<uint8_t>(word >> (4 * place_of[n]) & 15);
  }
}

}  // namespace awq
