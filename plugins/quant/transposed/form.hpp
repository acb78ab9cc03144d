// The facts of a weight [out,in] whose file form has integer codes in words of 32 bits and a scale
// and a zero for each group of a row: [groups,out]. An element is (code - zero) * scale, rounded to
// the scale's dtype.
#pragma once
#include <array>
#include <charconv>
#include <cstdint>
#include <strata/quant.hpp>
#include <string>
#include <string_view>

#include "kernels/words.hpp"

namespace transposed {

using strata::same, strata::kernels::take_word;

inline constexpr int64_t longest = 1 << 30;  // rows and columns, so that a product of two fits

struct Form {
  int bits = 4;          // of a code: 2, 3, 4 or 8
  int64_t group = 0;     // elements of a row that share a scale; 0: the whole row
  strata_dtype scale{};  // float16, bfloat16 or float32
};

struct Shape {
  int64_t out, in;
};

inline int64_t group_in(const Form& form, int64_t in) {
  return form.group == 0 || form.group > in ? in : form.group;
}
inline int64_t groups_in(const Form& form, int64_t in) {
  const auto group = group_in(form, in);
  return in / group + (in % group != 0 ? 1 : 0);
}

// The codes that fill whole words: 32 for 3 bits, which have codes across words.
constexpr int64_t codes_at_once(int bits) { return bits == 3 ? 32 : 32 / bits; }

// The scales' dtypes, as schemes name them and as safetensors files do.
struct ScaleName {
  std::string_view word, type;
  strata_dtype dtype;
};
inline constexpr std::array<ScaleName, 3> scale_names{{{"f16", "F16", {STRATA_FLOAT, 16, 1}},
                                                       {"bf16", "BF16", {STRATA_BFLOAT, 16, 1}},
                                                       {"f32", "F32", {STRATA_FLOAT, 32, 1}}}};

// A number from 1 up to `longest`; 0: it is none.
inline int64_t number_of(std::string_view digits) {
  int64_t out = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, out);
  return error == std::errc() && at == end && out > 0 && out <= longest ? out : 0;
}

// Reads "BITS GROUP SCALE", as "4 128 f16" or "4 row f16"; `whole` is the scheme, for the error.
inline Form form_of(std::string_view& words, std::string_view whole) {
  const auto bits = number_of(take_word(words));
  const auto group = take_word(words), scale = take_word(words);
  Form out{static_cast<int>(bits), number_of(group), {}};
  for (const auto& one : scale_names)
    if (one.word == scale) out.scale = one.dtype;
  if ((bits != 2 && bits != 3 && bits != 4 && bits != 8) || out.scale.bits == 0 ||
      (out.group == 0 && group != "row"))
    throw strata::Failure(STRATA_INVALID, std::string(whole) +
                                              ": no scheme of this codec: write bits, group and "
                                              "scale behind its key, as \"4 128 f16\"");
  return out;
}

inline std::string words_of(const Form& form) {
  std::string out = std::to_string(form.bits) + ' ' +
                    (form.group == 0 ? "row" : std::to_string(form.group)) + ' ';
  for (const auto& one : scale_names)
    if (same(one.dtype, form.scale)) out += one.word;
  return out;
}

}  // namespace transposed
