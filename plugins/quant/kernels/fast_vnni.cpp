// Fast products for AVX-512 with VNNI. The build compiles the files with such names for processors
// that have it, so they use no function of the standard library that other files could share.
//
// [Note: one order of codes] A row and a token have one accumulator of sixteen lanes, to which the
// products of each 64 elements are added in order; every number of tokens does the same.
#include <immintrin.h>

#include "kernels/activations.hpp"
#include "kernels/codes_vnni.hpp"

namespace strata::kernels {

namespace {

constexpr int row_tile = 4, token_tile = 4;

// Adds 64 products of each of `tokens` tokens to their row's sums.
template <class Format, int tokens>
inline __attribute__((always_inline)) void add(const vnni::Codes& w, const Activations* x,
                                               int64_t ldx, __m512* sums) {
  for (int t = 0; t < tokens; ++t) {
    const Activations& a = x[t * ldx];
    const __m512i codes = _mm512_loadu_si512(a.codes);
    const __m512 scale = _mm512_mul_ps(w.scale, _mm512_loadu_ps(a.scale));
    __m512i dots = _mm512_setzero_si512();
    if constexpr (Format::has_least && Format::elements == 32)
      sums[t] = _mm512_fmadd_ps(w.least, _mm512_loadu_ps(a.sums), sums[t]);
    else if constexpr (!Format::has_least)
      dots = _mm512_loadu_si512(a.zeros);
    dots = _mm512_dpbusd_epi32(dots, w.codes, codes);
    sums[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots), scale, sums[t]);
  }
}

// Adds a row's products with blocks of 256.
template <class Format, int tokens>
inline __attribute__((always_inline)) void add_super(const uint8_t* b, const Activations* x,
                                                     int64_t ldx, __m512* sums) {
  const auto scales = Format::scales(b);
  if constexpr (Format::has_least)
    for (int t = 0; t < tokens; ++t)
      sums[t] = _mm512_fmadd_ps(scales.m, _mm512_loadu_ps(x[t * ldx].sums), sums[t]);
  add<Format, tokens>(Format::template decode<0>(b, scales), x, ldx, sums);
  add<Format, tokens>(Format::template decode<1>(b, scales), x + 1, ldx, sums);
  add<Format, tokens>(Format::template decode<2>(b, scales), x + 2, ldx, sums);
  add<Format, tokens>(Format::template decode<3>(b, scales), x + 3, ldx, sums);
}

// Begins to read what comes `ahead` bytes after the blocks at `b`: the same place of the next rows.
template <int bytes>
inline __attribute__((always_inline)) void fetch(const uint8_t* b, int64_t ahead) {
  for (int at = 0; at < bytes; at += 64)
    _mm_prefetch(reinterpret_cast<const char*>(b + ahead + at), _MM_HINT_T0);
}

template <class Format, int tokens>
void add_rows(const uint8_t* const* rows, int64_t ahead, int64_t columns, const Activations* x,
              int64_t ldx, __m512 (&sums)[row_tile][tokens]) {
  if constexpr (Format::elements == 256) {
    for (int64_t at = 0; at < columns / 256; ++at)
      for (int r = 0; r < row_tile; ++r) {
        const uint8_t* b = rows[r] + at * Format::bytes;
        fetch<Format::bytes>(b, ahead);
        add_super<Format, tokens>(b, x + 4 * at, ldx, sums[r]);
      }
  } else {
    const int64_t pairs = columns / 64;
    for (int64_t at = 0; at < pairs; ++at)
      for (int r = 0; r < row_tile; ++r) {
        const uint8_t* b = rows[r] + 2 * at * Format::bytes;
        fetch<2 * Format::bytes>(b, ahead);
        add<Format, tokens>(Format::decode(b, b + Format::bytes), x + at, ldx, sums[r]);
      }
    const uint8_t nothing[Format::bytes] = {};
    if (columns % 64 != 0)  // a block without a partner
      for (int r = 0; r < row_tile; ++r)
        add<Format, tokens>(Format::decode(rows[r] + 2 * pairs * Format::bytes, nothing), x + pairs,
                            ldx, sums[r]);
  }
}

template <class Format, int tokens>
void multiply_tokens(const Panel& p, const Activations* x, int64_t ldx, int64_t first) {
  for (int64_t n = 0; n < p.rows; n += row_tile) {
    const uint8_t* rows[row_tile];
    __m512 sums[row_tile][tokens];
    for (int r = 0; r < row_tile; ++r) {
      const int64_t row = n + r < p.rows ? n + r : p.rows - 1;
      rows[r] = p.w + (p.first + row) * p.row_bytes;
      for (int t = 0; t < tokens; ++t) sums[r][t] = _mm512_setzero_ps();
    }
    const int64_t ahead = n + row_tile < p.rows ? row_tile * p.row_bytes : 0;
    add_rows<Format, tokens>(rows, ahead, p.columns, x + first * ldx, ldx, sums);
    for (int r = 0; r < row_tile && n + r < p.rows; ++r)
      for (int t = 0; t < tokens; ++t)
        p.out.put(first + t, p.first + n + r, _mm512_reduce_add_ps(sums[r][t]));
  }
}

template <class Format>
void multiply(const Panel& p, const Activations* x, int64_t ldx) {
  int64_t t = 0;
  for (; t + token_tile <= p.tokens; t += token_tile)
    multiply_tokens<Format, token_tile>(p, x, ldx, t);
  for (; t + 2 <= p.tokens; t += 2) multiply_tokens<Format, 2>(p, x, ldx, t);
  for (; t < p.tokens; ++t) multiply_tokens<Format, 1>(p, x, ldx, t);
}

}  // namespace

void vnni::multiply(Block block, const Panel& p, const Activations* x, int64_t ldx) {
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
