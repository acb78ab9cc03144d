// Fast products with weights in groups, for AVX2 and later processors. The build compiles the files
// with such names for processors that have it, so they use no function of the standard library that
// other files could share.
//
// [Note: apart] With codes q, a scale s and a zero z, a group's elements are q * s + m, m being z
// or -z * s. The products of the codes with a group's activations are added first and multiplied by
// s; m is multiplied by the activations' sum. A row and a token have one accumulator of eight
// lanes, to which groups are added in order; every number of tokens does the same.
#include <immintrin.h>

#include "kernels/activations.hpp"
#include "kernels/codes_avx2.hpp"
#include "kernels/group_activations.hpp"
#include "kernels/group_panel.hpp"

namespace strata::kernels {

namespace {

// The codes of one chunk, and the sums of four products each: of codes without a sign below 64, or
// of those with one.
struct Unsigned {
  __m256i codes;
  [[gnu::always_inline]] __m256i times(__m256i x) const {
    // Two products of at most 15 * 127 fit 16 bits.
    return _mm256_madd_epi16(_mm256_maddubs_epi16(codes, x), _mm256_set1_epi16(1));
  }
};
struct Signed {
  __m256i codes, sizes;
  [[gnu::always_inline]] explicit Signed(__m256i of) : codes(of), sizes(_mm256_abs_epi8(of)) {}
  [[gnu::always_inline]] __m256i times(__m256i x) const {
    // Two products of at most 128 * 127 fit 16 bits.
    return _mm256_madd_epi16(_mm256_maddubs_epi16(sizes, _mm256_sign_epi8(x, codes)),
                             _mm256_set1_epi16(1));
  }
};

// Each kind of codes has the bytes of a chunk. A code is its number here times `factor`, plus
// `more`.
struct Int4 {
  static constexpr int bytes = 16;
  static constexpr float factor = 1, more = 0;
  [[gnu::always_inline]] static Unsigned decode(const uint8_t* p) { return {avx2::nibbles(p)}; }
};
struct Int8 {
  static constexpr int bytes = 32;
  static constexpr float factor = 1, more = 128;
  [[gnu::always_inline]] static Signed decode(const uint8_t* p) {
    return Signed(_mm256_xor_si256(avx2::load32(p), avx2::bytes_of(128)));
  }
};
struct E2M1 {
  static constexpr int bytes = 16;
  static constexpr float factor = 0.5F, more = 0;
  [[gnu::always_inline]] static Signed decode(const uint8_t* p) {
    const __m256i twice = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12));
    return Signed(_mm256_shuffle_epi8(twice, avx2::nibbles(p)));
  }
};

// Some rows and tokens, with the sums of their products.
template <int row_count, int token_count>
struct Sums {
  static constexpr int rows = row_count, tokens = token_count;
  __m256 at[rows][tokens];
};

// Some tokens' codes and scales, from a chunk on; `token` bytes are from token to token.
struct Tokens {
  const uint8_t* codes;
  const uint8_t* scales;
  int64_t token;
  [[gnu::always_inline]] Tokens(const GroupActivations& of, int64_t c, int64_t bytes)
      : codes(reinterpret_cast<const uint8_t*>(of.codes + c * chunk)),
        scales(reinterpret_cast<const uint8_t*>(of.scales + c)), token(bytes) {}
  [[gnu::always_inline]] __m256i codes_of(int t) const { return avx2::load32(codes + t * token); }
  [[gnu::always_inline]] __m256 scale_of(int t) const {
    return _mm256_broadcast_ss(reinterpret_cast<const float*>(scales + t * token));
  }
  [[gnu::always_inline]] void skip(int64_t chunks) {
    codes += chunks * chunk, scales += chunks * static_cast<int64_t>(sizeof(float));
  }
};

// Multiplies a chunk of codes with its activations; adds that to the sums, or begins them.
template <class Codes, bool begins, class Some>
[[gnu::always_inline]] inline void multiply_chunk(const uint8_t* p, const Tokens& x, int r,
                                                  Some& sums) {
  const auto codes = Codes::decode(p);
  for (int t = 0; t < Some::tokens; ++t) {
    const __m256 dots = _mm256_cvtepi32_ps(codes.times(x.codes_of(t)));
    if constexpr (begins)
      sums.at[r][t] = _mm256_mul_ps(dots, x.scale_of(t));
    else
      sums.at[r][t] = _mm256_fmadd_ps(dots, x.scale_of(t), sums.at[r][t]);
  }
}

// Multiplies whole chunks of a group, `fixed` of them if that is not 0, and begins to read what
// lies `ahead` bytes further.
template <class Codes, int fixed, class Some>
[[gnu::always_inline]] inline void multiply_chunks(const uint8_t* const* rows, int64_t at,
                                                   int64_t ahead, int64_t chunks, Tokens x,
                                                   Some& sums) {
  if constexpr (fixed > 0) chunks = fixed;
  constexpr int64_t often = 64 / Codes::bytes;
  for (int r = 0; r < Some::rows; ++r) {
    _mm_prefetch(reinterpret_cast<const char*>(rows[r] + at + ahead), _MM_HINT_T0);
    multiply_chunk<Codes, true>(rows[r] + at, x, r, sums);
  }
  for (int64_t c = 1; c < chunks; ++c) {
    x.skip(1);
    at += Codes::bytes;
    for (int r = 0; r < Some::rows; ++r) {
      if (c % often == 0)
        _mm_prefetch(reinterpret_cast<const char*>(rows[r] + at + ahead), _MM_HINT_T0);
      multiply_chunk<Codes, false>(rows[r] + at, x, r, sums);
    }
  }
}

// Makes m of the zeros of some groups; those beyond `count` become 0.
template <class Codes>
[[gnu::always_inline]] inline void prepare(Zero kind, int64_t count, GroupScales& of) {
  for (int64_t i = 0; i < count; i += 8) {
    __m256 scale = _mm256_load_ps(of.scale + i), zero = _mm256_load_ps(of.zero + i);
    if (kind == Zero::number)
      zero = _mm256_fmadd_ps(scale, _mm256_set1_ps(Codes::more), zero);
    else
      zero = _mm256_mul_ps(scale, _mm256_sub_ps(_mm256_set1_ps(Codes::more), zero));
    const __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i wanted =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count - i)), place);
    _mm256_store_ps(of.zero + i, _mm256_and_ps(zero, _mm256_castsi256_ps(wanted)));
    _mm256_store_ps(of.scale + i, _mm256_mul_ps(scale, _mm256_set1_ps(Codes::factor)));
  }
}

[[gnu::always_inline]] inline float total(__m256 of) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(of), _mm256_extractf128_ps(of, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// Multiplies a group's sums by its scales and adds that.
template <class Some>
[[gnu::always_inline]] inline void scale_group(const Some& group, const GroupScales* scales,
                                               int64_t g, Some& all) {
  for (int r = 0; r < Some::rows; ++r) {
    const __m256 scale = _mm256_broadcast_ss(scales[r].scale + g);
    for (int t = 0; t < Some::tokens; ++t)
      all.at[r][t] = _mm256_fmadd_ps(group.at[r][t], scale, all.at[r][t]);
  }
}

// The last chunk of a group with fewer elements is copied first where the weight ends at `end`,
// within a whole one. The activations beyond its elements are zeros.
template <class Codes, class Some>
[[gnu::always_inline]] inline void multiply_rest(const uint8_t* const* rows, int64_t at,
                                                 int64_t bytes, const uint8_t* end, const Tokens& x,
                                                 Some& sums) {
  for (int r = 0; r < Some::rows; ++r) {
    uint8_t codes[chunk] = {};
    const uint8_t* p = rows[r] + at;
    if (end - p < Codes::bytes) {
      for (int64_t i = 0; i < bytes; ++i) codes[i] = p[i];
      p = codes;
    }
    multiply_chunk<Codes, true>(p, x, r, sums);
  }
}

// Multiplies the panel's rows from n on with the tokens from `first` on; groups have `fixed`
// chunks, or any number if that is 0.
template <class Codes, int fixed, int row_count, int token_count>
void multiply_rows(const GroupPanel& p, int64_t n, char* x, int64_t first) {
  using Some = Sums<row_count, token_count>;
  const auto& at = p.at;
  const GroupActivations::Bytes bytes(at);
  const GroupActivations activations(x + first * bytes.token, bytes);
  const int64_t group_bytes = at.bytes(at.group), whole_groups = at.columns / at.group;
  const uint8_t* rows[row_count];
  GroupScales scales[row_count];
  Some all, group;
  const auto row = [&](int r) { return n + r < p.rows ? n + r : p.rows - 1; };
  for (int r = 0; r < row_count; ++r) {
    rows[r] = p.row(row(r));
    for (int t = 0; t < token_count; ++t) all.at[r][t] = _mm256_setzero_ps();
  }
  const int64_t ahead = n + row_count < p.rows ? row_count * at.bytes(at.columns) : 0;
  for (int64_t g = 0; g < at.groups; g += GroupScales::most) {
    const int64_t left = at.groups - g, count = left < GroupScales::most ? left : GroupScales::most;
    for (int r = 0; r < row_count; ++r) {
      widen_groups(p, row(r), g, count, scales[r]);
      prepare<Codes>(p.of.form.zero, count, scales[r]);
      for (int64_t i = 0; i < count; i += 8)
        for (int t = 0; t < token_count; ++t) {
          const auto* sums = reinterpret_cast<const char*>(activations.sums + g + i);
          const __m256 some =
              _mm256_loadu_ps(reinterpret_cast<const float*>(sums + t * bytes.token));
          all.at[r][t] = _mm256_fmadd_ps(_mm256_load_ps(scales[r].zero + i), some, all.at[r][t]);
        }
    }
    int64_t i = 0, place = g * group_bytes;
    Tokens tokens(activations, g * at.chunks, bytes.token);
    if constexpr (fixed > 0)
      for (; i < count && i < whole_groups - g; ++i, place += fixed * Codes::bytes) {
        multiply_chunks<Codes, fixed>(rows, place, ahead, fixed, tokens, group);
        scale_group(group, scales, i, all);
        tokens.skip(fixed);
      }
    for (; i < count; ++i, place += group_bytes) {
      const int64_t length = at.length(g + i), whole = length / chunk;
      if (whole > 0) {
        multiply_chunks<Codes, 0>(rows, place, ahead, whole, tokens, group);
        scale_group(group, scales, i, all);
        tokens.skip(whole);
      }
      if (length % chunk == 0) continue;
      multiply_rest<Codes>(rows, place + whole * Codes::bytes, at.bytes(length % chunk), p.end(),
                           tokens, group);
      scale_group(group, scales, i, all);
      tokens.skip(1);
    }
  }
  for (int r = 0; r < row_count && n + r < p.rows; ++r)
    for (int t = 0; t < token_count; ++t)
      p.out.put(first + t, p.first + n + r, total(all.at[r][t]));
}

// Some rows stay in the first cache while every token is multiplied with them.
template <class Codes, int fixed>
void multiply_each(const GroupPanel& p, char* x) {
  for (int64_t n = 0; n < p.rows; n += 4) {
    int64_t t = 0;
    for (; t + 2 <= p.tokens; t += 2) multiply_rows<Codes, fixed, 4, 2>(p, n, x, t);
    if (t < p.tokens) multiply_rows<Codes, fixed, 4, 1>(p, n, x, t);
  }
}

template <class Codes>
void multiply_panel(const GroupPanel& p, char* x) {
  if (p.at.group == 32) return multiply_each<Codes, 1>(p, x);
  if (p.at.group == 64) return multiply_each<Codes, 2>(p, x);
  if (p.at.group == 128) return multiply_each<Codes, 4>(p, x);
  multiply_each<Codes, 0>(p, x);
}

}  // namespace

void multiply_groups_fast(const GroupPanel& p, void* x) {
  auto* const tokens = static_cast<char*>(x);
  if (p.of.form.code == Code::int4) return multiply_panel<Int4>(p, tokens);
  if (p.of.form.code == Code::int8) return multiply_panel<Int8>(p, tokens);
  multiply_panel<E2M1>(p, tokens);
}

}  // namespace strata::kernels
