// Rounds activations for the fast products, with what fast_vnni.cpp is compiled for.
#include <immintrin.h>

#include "kernels/activations.hpp"

namespace strata::kernels {

namespace {

// 32 elements.
struct Rounded {
  float scale;
  __m256i codes;  // -127 to 127
  __m256i sums;   // of four codes each
};

Rounded rounded(const float* x) {
  const __m512 low = _mm512_loadu_ps(x), high = _mm512_loadu_ps(x + 16);
  const __m512i size = _mm512_set1_epi32(0x7fffffff);
  const __m512i sizes = _mm512_max_epi32(_mm512_and_si512(_mm512_castps_si512(low), size),
                                         _mm512_and_si512(_mm512_castps_si512(high), size));
  const int bits = _mm512_reduce_max_epi32(sizes);  // sizes are ordered as their bits are
  const float most = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(bits)));
  const __m256i zeros = _mm256_setzero_si256();
  constexpr int infinite = 0x7f800000;
  if (bits >= infinite) return {__builtin_nanf(""), zeros, zeros};
  const float scale = most / 127;
  if (scale < 0x1p-126F) return {0, zeros, zeros};  // its inverse would overflow
  const __m512 inverse = _mm512_set1_ps(127 / most);
  const auto codes = [&](__m512 of) {
    return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(of, inverse)));
  };
  const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(codes(low)), codes(high), 1);
  return {scale, both, _mm256_dpbusd_epi32(zeros, _mm256_set1_epi8(1), both)};
}

// The sums of the groups among 32 elements.
void put_groups(const Rounded& r, int group, float* to) {
  alignas(32) int32_t sums[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(sums), r.sums);
  for (int g = 0; g < 32 / group; ++g) {
    int sum = 0;
    for (int k = 0; k < group / 4; ++k) sum += sums[g * group / 4 + k];
    to[g] = r.scale * static_cast<float>(sum);
  }
}

void clear(Activations& a) { __builtin_memset(&a, 0, sizeof(a)); }

}  // namespace

void round_activations(const float* x, int64_t columns, Offsets offsets, Activations* out) {
  for (int64_t at = 0; at < columns; at += 64) clear(out[at / 64]);
  for (int64_t at = 0; at < columns; at += 32) {
    const auto r = rounded(x + at);
    const __m256 scale = _mm256_set1_ps(r.scale);
    auto& to = out[at / 64];
    const auto half = at % 64;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to.codes + half), r.codes);
    _mm256_storeu_ps(to.scale + half / 4, scale);
    if (offsets.zero >= 0)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to.zeros + half / 4),
                          _mm256_mullo_epi32(r.sums, _mm256_set1_epi32(-offsets.zero)));
    else if (offsets.group == 4)
      _mm256_storeu_ps(to.sums + half / 4, _mm256_mul_ps(_mm256_cvtepi32_ps(r.sums), scale));
    else
      put_groups(r, offsets.group,
                 out[at / 256 * 4].sums + offsets.first + at % 256 / offsets.group);
  }
}

}  // namespace strata::kernels
