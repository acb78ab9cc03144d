// Fast products for AVX2, with eight lanes where fast_vnni.cpp has sixteen. The build compiles the
// files with such names for processors that have it, so they use no function of the standard
// library that other files could share.
#include <immintrin.h>

#include "kernels/activations.hpp"
#include "kernels/codes_avx2.hpp"

namespace strata::kernels {

namespace {

constexpr int row_tile = 4, token_tile = 2;

// Adds the products of each four codes; with a sign, those of two codes and of the two that lie
// sixteen further on.
template <class Format>
inline __attribute__((always_inline)) __m256i products(__m256i weights, __m256i codes) {
  if constexpr (!avx2::has_sign<Format>) {
    // Two products of at most 63 * 127 fit 16 bits.
    return _mm256_madd_epi16(_mm256_maddubs_epi16(weights, codes), _mm256_set1_epi16(1));
  } else {
    const auto low = [](__m256i of) { return _mm256_cvtepi8_epi16(_mm256_castsi256_si128(of)); };
    const auto high = [](__m256i of) {
      return _mm256_cvtepi8_epi16(_mm256_extracti128_si256(of, 1));
    };
    return _mm256_add_epi32(_mm256_madd_epi16(low(weights), low(codes)),
                            _mm256_madd_epi16(high(weights), high(codes)));
  }
}

// Adds 32 products of each of `tokens` tokens, from element `at` (0 or 32) of theirs.
template <class Format, int tokens>
inline __attribute__((always_inline)) void add(const avx2::Codes& w, const Activations* x,
                                               int64_t ldx, int at, __m256* sums) {
  for (int t = 0; t < tokens; ++t) {
    const Activations& a = x[t * ldx];
    const int place = at / 4;
    const auto* codes = reinterpret_cast<const __m256i*>(a.codes + at);
    const auto* zeros = reinterpret_cast<const __m256i*>(a.zeros + place);
    const __m256 scale = _mm256_mul_ps(w.scale, _mm256_loadu_ps(a.scale + place));
    __m256i dots = products<Format>(w.codes, _mm256_loadu_si256(codes));
    if constexpr (Format::has_least && Format::elements == 32)
      sums[t] = _mm256_fmadd_ps(w.least, _mm256_loadu_ps(a.sums + place), sums[t]);
    else if constexpr (!Format::has_least && !avx2::has_sign<Format>)
      dots = _mm256_add_epi32(dots, _mm256_loadu_si256(zeros));
    sums[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), scale, sums[t]);
  }
}

template <class Format, int tokens, int i>
inline __attribute__((always_inline)) void add_part(const uint8_t* b, const avx2::Scales& scales,
                                                    const Activations* x, int64_t ldx,
                                                    __m256* sums) {
  add<Format, tokens>(Format::template decode<i>(b, scales), x + i / 2, ldx, i % 2 * 32, sums);
}

// Adds a row's products with a block of 256.
template <class Format, int tokens>
inline __attribute__((always_inline)) void add_super(const uint8_t* b, const Activations* x,
                                                     int64_t ldx, __m256* sums) {
  avx2::Scales scales;
  Format::scales(b, scales);
  if constexpr (Format::has_least)
    for (int t = 0; t < tokens; ++t)
      for (int place = 0; place < 16; place += 8)
        sums[t] = _mm256_fmadd_ps(_mm256_load_ps(scales.m + place),
                                  _mm256_loadu_ps(x[t * ldx].sums + place), sums[t]);
  add_part<Format, tokens, 0>(b, scales, x, ldx, sums);
  add_part<Format, tokens, 1>(b, scales, x, ldx, sums);
  add_part<Format, tokens, 2>(b, scales, x, ldx, sums);
  add_part<Format, tokens, 3>(b, scales, x, ldx, sums);
  add_part<Format, tokens, 4>(b, scales, x, ldx, sums);
  add_part<Format, tokens, 5>(b, scales, x, ldx, sums);
  add_part<Format, tokens, 6>(b, scales, x, ldx, sums);
  add_part<Format, tokens, 7>(b, scales, x, ldx, sums);
}

template <class Format, int tokens>
void add_rows(const uint8_t* const* rows, int64_t ahead, int64_t columns, const Activations* x,
              int64_t ldx, __m256 (&sums)[row_tile][tokens]) {
  for (int64_t at = 0; at < columns / Format::elements; ++at)
    for (int r = 0; r < row_tile; ++r) {
      const uint8_t* b = rows[r] + at * Format::bytes;
      for (int line = 0; line < Format::bytes; line += 64)  // of the next rows
        _mm_prefetch(reinterpret_cast<const char*>(b + ahead + line), _MM_HINT_T0);
      if constexpr (Format::elements == 256)
        add_super<Format, tokens>(b, x + 4 * at, ldx, sums[r]);
      else
        add<Format, tokens>(Format::decode(b), x + at / 2, ldx, at % 2 != 0 ? 32 : 0, sums[r]);
    }
}

inline float total(__m256 of) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(of), _mm256_extractf128_ps(of, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

template <class Format, int tokens>
void multiply_tokens(const Panel& p, const Activations* x, int64_t ldx, int64_t first) {
  for (int64_t n = 0; n < p.rows; n += row_tile) {
    const uint8_t* rows[row_tile];
    __m256 sums[row_tile][tokens];
    for (int r = 0; r < row_tile; ++r) {
      const int64_t row = n + r < p.rows ? n + r : p.rows - 1;
      rows[r] = p.w + (p.first + row) * p.row_bytes;
      for (int t = 0; t < tokens; ++t) sums[r][t] = _mm256_setzero_ps();
    }
    const int64_t ahead = n + row_tile < p.rows ? row_tile * p.row_bytes : 0;
    add_rows<Format, tokens>(rows, ahead, p.columns, x + first * ldx, ldx, sums);
    for (int r = 0; r < row_tile && n + r < p.rows; ++r)
      for (int t = 0; t < tokens; ++t) p.out.put(first + t, p.first + n + r, total(sums[r][t]));
  }
}

template <class Format>
void multiply(const Panel& p, const Activations* x, int64_t ldx) {
  int64_t t = 0;
  for (; t + token_tile <= p.tokens; t += token_tile)
    multiply_tokens<Format, token_tile>(p, x, ldx, t);
  for (; t < p.tokens; ++t) multiply_tokens<Format, 1>(p, x, ldx, t);
}

}  // namespace

void avx2::multiply(Block block, const Panel& p, const Activations* x, int64_t ldx) {
  switch (block) {
    case Block::q4_0:
      return kernels::multiply<Q4_0>(p, x, ldx);
    case Block::q4_1:
      return kernels::multiply<Q4_1>(p, x, ldx);
    case Block::q5_0:
      return kernels::multiply<Q5_0>(p, x, ldx);
    case Block::q5_1:
      return kernels::multiply<Q5_1>(p, x, ldx);
    case Block::q8_0:
      return kernels::multiply<Q8_0>(p, x, ldx);
    case Block::q2_k:
      return kernels::multiply<Q2_K>(p, x, ldx);
    case Block::q3_k:
      return kernels::multiply<Q3_K>(p, x, ldx);
    case Block::q4_k:
      return kernels::multiply<Q4_K>(p, x, ldx);
    case Block::q5_k:
      return kernels::multiply<Q5_K>(p, x, ldx);
    case Block::q6_k:
      return kernels::multiply<Q6_K>(p, x, ldx);
    case Block::bf16:
    case Block::f16:
      return;  // these have exact products alone
  }
}

}  // namespace strata::kernels
