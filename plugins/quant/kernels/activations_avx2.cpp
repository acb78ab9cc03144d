// Rounds activations for the fast products of every processor that has any.
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

int most_of(__m256i of) {
  __m128i most = _mm_max_epi32(_mm256_castsi256_si128(of), _mm256_extracti128_si256(of, 1));
  most = _mm_max_epi32(most, _mm_unpackhi_epi64(most, most));
  most = _mm_max_epi32(most, _mm_shuffle_epi32(most, 1));
  return _mm_cvtsi128_si32(most);
}

Rounded rounded(const float* x) {
  __m256 values[4];
  __m256i sizes = _mm256_setzero_si256();
  for (int64_t i = 0; i < 4; ++i) {
    values[i] = _mm256_loadu_ps(x + 8 * i);
    sizes = _mm256_max_epi32(
        sizes, _mm256_and_si256(_mm256_castps_si256(values[i]), _mm256_set1_epi32(0x7fffffff)));
  }
  const int bits = most_of(sizes);  // sizes are ordered as their bits are
  const float most = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(bits)));
  const __m256i zeros = _mm256_setzero_si256();
  constexpr int infinite = 0x7f800000;
  if (bits >= infinite) return {__builtin_nanf(""), zeros, zeros};
  const float scale = most / 127;
  if (scale < 0x1p-126F) return {0, zeros, zeros};  // its inverse would overflow
  const __m256 inverse = _mm256_set1_ps(127 / most);
  __m256i codes[4];
  for (int i = 0; i < 4; ++i) codes[i] = _mm256_cvtps_epi32(_mm256_mul_ps(values[i], inverse));
  // The packs leave groups of four in the order 0, 2, 4, 6, 1, 3, 5, 7.
  const __m256i mixed = _mm256_packs_epi16(_mm256_packs_epi32(codes[0], codes[1]),
                                           _mm256_packs_epi32(codes[2], codes[3]));
  const __m256i all = _mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  const __m256i sums =
      _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), all), _mm256_set1_epi16(1));
  return {scale, all, sums};
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

}  // namespace

void round_activations(const float* x, int64_t columns, Offsets offsets, Activations* out) {
  for (int64_t at = 0; at < columns; at += 64) __builtin_memset(out + at / 64, 0, sizeof(*out));
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

RoundedSum round_activations(const float* x, int8_t* codes) {
  const auto r = rounded(x);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes), r.codes);
  float sum;
  put_groups(r, 32, &sum);
  return {r.scale, sum};
}

}  // namespace strata::kernels
