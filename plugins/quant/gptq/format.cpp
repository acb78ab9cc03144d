#include "gptq/format.hpp"

#include <algorithm>

#include "transposed/transpose.hpp"

namespace gptq {

using transposed::Shape;

Format::Format(std::string_view words, std::string_view text) {
  form = transposed::form_of(words, text);
  less_one = transposed::take_word(words) == "v1";
  auto word = transposed::take_word(words);
  if (word == "symmetric") symmetric = true, word = transposed::take_word(words);
  if (word == "order") order = Order::free;
  if (word == "in-order") order = Order::in_order;
  if (scheme() != text)
    throw strata::Failure(STRATA_INVALID,
                          std::string(text) +
                              ": no scheme of this codec: write \"gptq 4 128 f16 v1\", and perhaps "
                              "symmetric, then order or in-order");
}

std::string Format::scheme() const {
  std::string out =
      std::string(key) + ' ' + transposed::words_of(form) + (less_one ? " v1" : " v2");
  if (symmetric) out += " symmetric";
  if (order != Order::absent) out += order == Order::free ? " order" : " in-order";
  return out;
}

std::vector<strata::Part> Format::parts(const Shape& shape) const {
  const auto many = transposed::codes_at_once(form.bits);
  if (shape.in % many != 0 || shape.out % many != 0)
    throw strata::Failure(STRATA_INVALID, scheme() + ": a weight of " + std::to_string(shape.out) +
                                              " x " + std::to_string(shape.in) +
                                              " does not fill words: both are multiples of " +
                                              std::to_string(many));
  const auto groups = transposed::groups_in(form, shape.in);
  constexpr strata_dtype word{STRATA_INT, 32, 1};
  std::vector<strata::Part> out{{"codes", word, {shape.in * form.bits / 32, shape.out}},
                                {"zeros", word, {groups, shape.out * form.bits / 32}},
                                {"scales", form.scale, {groups, shape.out}}};
  if (order != Order::absent) out.push_back({"order", word, {shape.in}});
  return out;
}

// A word holds neighbors of one column, and a row's stream has neighbors of one row: words change
// places as a matrix is transposed. Pieces of 16 by 32 words read and write whole cache lines; the
// copy before keeps lines that are a power of 2 apart from driving each other out of the cache.
void Format::turn_codes(const std::byte* codes, const Shape& shape, int64_t first, int64_t count,
                        std::byte* to, int64_t stride) const {
  constexpr int64_t line = 16;
  const int64_t words = shape.in * form.bits / 32;
  uint32_t piece[line][tile]{}, turned[tile][line];
  for (int64_t k = 0; k < words; k += line) {
    const auto* from = codes + (k * shape.out + first) * 4;
    const auto high = std::min(line, words - k);
    if (high == line && count == tile) {
      for (int64_t i = 0; i < line; ++i)
        std::memcpy(piece[i], from + i * shape.out * 4, sizeof piece[i]);
      transposed::transpose(piece, turned);
      for (int64_t r = 0; r < tile; ++r)
        std::memcpy(to + r * stride + k * 4, turned[r], sizeof turned[r]);
      continue;
    }
    for (int64_t i = 0; i < high; ++i)
      std::memcpy(piece[i], from + i * shape.out * 4, static_cast<std::size_t>(count) * 4);
    transposed::transpose(piece, turned);
    for (int64_t r = 0; r < count; ++r)
      std::memcpy(to + r * stride + k * 4, turned[r], static_cast<std::size_t>(high) * 4);
  }
}

// [Note: zeros less one] Version 1 stores each zero less one, and a zero of 0 borrows. GPTQModel
// writes and reads version 1 with one subtraction and one addition a word, in which a borrow takes
// from the neighbor above and comes back; with 3 bits it wraps each code alone. AutoGPTQ's kernels
// do not agree: some wrap each code, and some use 16 for a stored 15. All agree on every other
// zero.
//
// The zero of a symmetric weight is the middle code, so that a version 1 which stores the middle
// itself is a version 2 under the wrong name: there are such checkpoints, since kernels for
// symmetric weights do not read zeros.
uint32_t Format::plus_one(uint32_t word) const {
  const uint32_t ones = form.bits == 2 ? 0x55555555U : form.bits == 4 ? 0x11111111U : 0x01010101U;
  if (symmetric && word == ones << (form.bits - 1)) return word;
  return word + ones;
}

void Format::read_zeros(const std::byte* zeros, const Shape& shape, int64_t group, int64_t first,
                        int64_t count, uint8_t* to) const {
  uint32_t words[tile * 8 / 32];
  const auto many = static_cast<std::size_t>(count * form.bits / 32);
  std::memcpy(words, zeros + (group * shape.out + first) * form.bits / 32 * 4, many * 4);
  if (less_one && form.bits != 3)
    for (std::size_t i = 0; i < many; ++i) words[i] = plus_one(words[i]);
  transposed::read_codes(form.bits, reinterpret_cast<const std::byte*>(words), count, to);
  constexpr uint8_t middle = 4;
  if (less_one && form.bits == 3)
    for (int64_t r = 0; r < count; ++r)
      if (!symmetric || to[r] != middle) to[r] = static_cast<uint8_t>((to[r] + 1) & 7);
}

}  // namespace gptq
