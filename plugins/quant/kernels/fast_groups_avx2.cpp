// Fast products with weights in groups, for AVX2 and later processors. The build compiles the files
// with such names for processors that have it, so they use no function of the standard library that
// other files could share.
//
// A row and a token have one accumulator of eight lanes, to which the products of each chunk are
// added in order; every number of tokens does the same.
#include <immintrin.h>

#include "kernels/codes_avx2.hpp"
#include "kernels/group_panel.hpp"

namespace strata::kernels {

namespace {

constexpr int row_tile = 4, token_tile = 2;

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

// Each kind of codes has the bytes of a chunk, what a code is more than its number here, and the
// factor of that number.
struct Int4 {
  static constexpr int bytes = 16;
  static constexpr float zero = 0, factor = 1;
  [[gnu::always_inline]] static Unsigned decode(const uint8_t* p) { return {avx2::nibbles(p)}; }
};
struct Int8 {
  static constexpr int bytes = 32;
  static constexpr float zero = 128, factor = 1;
  [[gnu::always_inline]] static Signed decode(const uint8_t* p) {
    return Signed(_mm256_xor_si256(avx2::load32(p), avx2::bytes_of(128)));
  }
};
struct E2M1 {
  static constexpr int bytes = 16;
  static constexpr float zero = 0, factor = 0.5F;
  [[gnu::always_inline]] static Signed decode(const uint8_t* p) {
    const __m256i twice = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12));
    return Signed(_mm256_shuffle_epi8(twice, avx2::nibbles(p)));
  }
};

// How a group's zero takes part: not at all, as (code - zero) * scale, as code * scale + zero.
enum class Part : uint8_t { none, code, number };

template <class Codes, Part part>
struct Format {
  static constexpr int bytes = Codes::bytes;
  __m256 scale, zero;

  [[gnu::always_inline]] Format(float d, float z) : scale(_mm256_set1_ps(d * Codes::factor)) {
    if constexpr (part == Part::number)
      zero = _mm256_set1_ps(z + Codes::zero * d);
    else
      zero = _mm256_set1_ps(z - Codes::zero);
  }

  // Adds the products of the chunk at p, which is the second of two in the Activations where `odd`
  // is 1, with each of `tokens` tokens.
  template <int tokens>
  [[gnu::always_inline]] void add(const uint8_t* p, const Activations* x, int64_t ldx, int64_t odd,
                                  __m256* sums) const {
    const auto codes = Codes::decode(p);
    for (int t = 0; t < tokens; ++t) {
      const Activations& a = x[t * ldx];
      const auto* with = reinterpret_cast<const __m256i*>(a.codes + odd * 32);
      __m256 dots = _mm256_cvtepi32_ps(codes.times(_mm256_loadu_si256(with)));
      if constexpr (part == Part::code) {
        const auto* zeros = reinterpret_cast<const __m256i*>(a.zeros + odd * 8);
        dots = _mm256_fmadd_ps(zero, _mm256_cvtepi32_ps(_mm256_loadu_si256(zeros)), dots);
      } else if constexpr (part == Part::number) {
        sums[t] = _mm256_fmadd_ps(zero, _mm256_loadu_ps(a.sums + odd * 8), sums[t]);
      }
      const __m256 both = _mm256_mul_ps(scale, _mm256_loadu_ps(a.scale + odd * 8));
      sums[t] = _mm256_fmadd_ps(dots, both, sums[t]);
    }
  }
};

// Adds the products of a group of four rows, whose first chunk is the chunk c of their rows.
template <class Format, int tokens>
[[gnu::always_inline]] inline void add_group(const Format* formats, const uint8_t* const* rows,
                                             int64_t ahead, int64_t length, int64_t rest_bytes,
                                             int64_t c, const Activations* x, int64_t ldx,
                                             __m256 (&sums)[row_tile][tokens]) {
  constexpr int64_t often = 64 / Format::bytes;
  int64_t i = 0;
  for (; i < length / chunk; ++i, ++c)
    for (int r = 0; r < row_tile; ++r) {
      const uint8_t* p = rows[r] + i * Format::bytes;
      if (i % often == 0) _mm_prefetch(reinterpret_cast<const char*>(p + ahead), _MM_HINT_T0);
      formats[r].template add<tokens>(p, x + c / 2, ldx, c % 2, sums[r]);
    }
  if (length % chunk == 0) return;
  for (int r = 0; r < row_tile; ++r) {
    uint8_t all[chunk] = {};  // the activations beyond the group's elements are zeros
    __builtin_memcpy(all, rows[r] + i * Format::bytes, static_cast<std::size_t>(rest_bytes));
    formats[r].template add<tokens>(all, x + c / 2, ldx, c % 2, sums[r]);
  }
}

[[gnu::always_inline]] inline float total(__m256 of) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(of), _mm256_extractf128_ps(of, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

template <class Format, int tokens>
void multiply_rows(const GroupPanel& p, int64_t n, const Activations* x, int64_t ldx,
                   int64_t first) {
  const auto& at = p.at;
  const uint8_t* rows[row_tile];
  GroupScales scales[row_tile];
  __m256 sums[row_tile][tokens];
  const auto row = [&](int r) { return n + r < p.rows ? n + r : p.rows - 1; };
  for (int r = 0; r < row_tile; ++r) {
    rows[r] = p.row(row(r));
    for (int t = 0; t < tokens; ++t) sums[r][t] = _mm256_setzero_ps();
  }
  const int64_t ahead = n + row_tile < p.rows ? row_tile * at.bytes(at.columns) : 0;
  for (int64_t g = 0; g < at.groups; ++g) {
    const int64_t i = g % GroupScales::most, left = at.groups - g;
    if (i == 0)
      for (int r = 0; r < row_tile; ++r)
        widen_groups(p, row(r), g, left < GroupScales::most ? left : GroupScales::most, scales[r]);
    const Format formats[row_tile] = {{scales[0].scale[i], scales[0].zero[i]},
                                      {scales[1].scale[i], scales[1].zero[i]},
                                      {scales[2].scale[i], scales[2].zero[i]},
                                      {scales[3].scale[i], scales[3].zero[i]}};
    const int64_t length = at.length(g);
    add_group<Format, tokens>(formats, rows, ahead, length, at.bytes(length % chunk), g * at.chunks,
                              x + first * ldx, ldx, sums);
    for (auto& from : rows) from += at.bytes(length);
  }
  for (int r = 0; r < row_tile && n + r < p.rows; ++r)
    for (int t = 0; t < tokens; ++t) p.out.put(first + t, p.first + n + r, total(sums[r][t]));
}

// Four rows stay in the first cache while every token is multiplied with them.
template <class Format>
void multiply_panel(const GroupPanel& p, const Activations* x, int64_t ldx) {
  for (int64_t n = 0; n < p.rows; n += row_tile) {
    int64_t t = 0;
    for (; t + token_tile <= p.tokens; t += token_tile)
      multiply_rows<Format, token_tile>(p, n, x, ldx, t);
    for (; t < p.tokens; ++t) multiply_rows<Format, 1>(p, n, x, ldx, t);
  }
}

}  // namespace

void multiply_groups_fast(const GroupPanel& p, const Activations* x, int64_t ldx) {
  const bool four = p.of.form.code == Code::int4;
  if (p.of.form.code == Code::e2m1) return multiply_panel<Format<E2M1, Part::none>>(p, x, ldx);
  if (p.of.form.zero == Zero::number)
    return four ? multiply_panel<Format<Int4, Part::number>>(p, x, ldx)
                : multiply_panel<Format<Int8, Part::number>>(p, x, ldx);
  if (four) return multiply_panel<Format<Int4, Part::code>>(p, x, ldx);
  if (p.of.form.zero == Zero::none) return multiply_panel<Format<Int8, Part::none>>(p, x, ldx);
  multiply_panel<Format<Int8, Part::code>>(p, x, ldx);
}

}  // namespace strata::kernels
