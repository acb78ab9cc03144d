// Products of one step on tensor cores: sixteen rows of a weight with eight tokens or a multiple.
// group_tiles.cuh says how steps make a product.
#pragma once
#include <type_traits>

#include "kernels/group_pairs.cuh"

namespace strata::kernels {

template <int bytes>
struct Word;
template <>
struct Word<2> {
  using type = unsigned short;
};
template <>
struct Word<4> {
  using type = uint32_t;
};
template <>
struct Word<8> {
  using type = uint2;
};
template <>
struct Word<16> {
  using type = uint4;
};

// `bytes` bytes that lie at a multiple of them.
template <int bytes>
struct Loaded {
  using type = typename Word<bytes>::type;
  static constexpr int words = (bytes + 3) / 4;
  uint32_t at[words];
  __device__ __forceinline__ void load(const void* from) {
    put(__ldg(static_cast<const type*>(from)));
  }
  __device__ __forceinline__ void put(const type& all) {
    if constexpr (bytes == 2) {
      at[0] = (all & 0xffU) | (all & 0xff00U) << 8;  // two codes in each half of the word
    } else if constexpr (bytes == 4) {
      at[0] = all;
    } else if constexpr (bytes == 8) {
      at[0] = all.x, at[1] = all.y;
    } else {
      at[0] = all.x, at[1] = all.y, at[2] = all.z, at[3] = all.w;
    }
  }
};

// The raw bits of a scale, or of a zero of its dtype: loaded without branches, so that other loads
// need not wait.
template <bool single>
using Raw = std::conditional_t<single, uint32_t, unsigned short>;

template <bool single>
__device__ __forceinline__ float widened(Stored stored, uint32_t raw) {
  if constexpr (single) return __uint_as_float(raw);
  const float half = __half2float(__ushort_as_half(static_cast<unsigned short>(raw)));
  return stored == Stored::half ? half : __uint_as_float(raw << 16);
}

// The words of a token's `wide` numbers, in the order of a step's codes: two for each
// multiplication.
template <Code code, class X, int wide>
struct Vectors {
  uint32_t pairs[wide / 4][2];

  __device__ __forceinline__ void load(const X* from) {
    constexpr int bytes = wide * static_cast<int>(sizeof(X)), pieces = (bytes + 15) / 16;
    constexpr int piece = bytes / pieces, words = piece / 4;
    uint32_t x[pieces * words];
#pragma unroll
    for (int i = 0; i < pieces; ++i) {
      Loaded<piece> some;
      some.load(reinterpret_cast<const char*>(from) + i * piece);
#pragma unroll
      for (int w = 0; w < words; ++w) x[i * words + w] = some.at[w];
    }
    if constexpr (Pairs<code, X>::order == PairOrder::neighbors) {
#pragma unroll
      for (int i = 0; i < wide / 4; ++i) pairs[i][0] = x[2 * i], pairs[i][1] = x[2 * i + 1];
    } else if constexpr (four_bits(code) && wide > 4) {
#pragma unroll
      for (int i = 0; i < wide / 8; ++i) {
        put(x[4 * i], x[4 * i + 2], pairs[2 * i]);
        put(x[4 * i + 1], x[4 * i + 3], pairs[2 * i + 1]);
      }
    } else {
#pragma unroll
      for (int i = 0; i < wide / 4; ++i) put(x[2 * i], x[2 * i + 1], pairs[i]);
    }
  }

 private:
  static __device__ __forceinline__ void put(uint32_t a, uint32_t b, uint32_t (&to)[2]) {
    to[0] = __byte_perm(a, b, 0x5410);
    to[1] = __byte_perm(a, b, 0x7632);
  }
};

template <class X>
__device__ __forceinline__ void store(X* to, float value) {
  if constexpr (std::is_same_v<X, float>)
    *to = value;
  else if constexpr (std::is_same_v<X, __half>)
    *to = __float2half_rn(value);
  else
    *to = __float2bfloat16_rn(value);
}

// Two rows of a weight, r and r + 8 of sixteen, as a thread sees them.
template <Code code, Zero zero, class X, int wide, bool single>
struct Rows {
  static constexpr int code_bytes = four_bits(code) ? wide / 2 : wide;
  static constexpr int step_bytes = 4 * code_bytes;                            // of a row
  static constexpr int in_word = four_bits(code) ? (wide < 8 ? wide : 8) : 4;  // codes
  static constexpr int pairs = four_bits(code) ? 4 : 2;                        // of a word
  using Codes = Loaded<code_bytes>;
  using ZeroBits = std::conditional_t<zero == Zero::code, uint8_t, Raw<single>>;

  // The numbers of a step's group. Each quarter of a warp reads those of one of the steps.
  struct Scales {
    uint32_t scales[2], zeros[zero == Zero::none ? 1 : 2];

    __device__ __forceinline__ Scales of(int step) const {
      Scales out;
      const int from = static_cast<int>(threadIdx.x) % 32 / 4 * 4 + step;
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        out.scales[r] = __shfl_sync(0xffffffffU, scales[r], from);
        if constexpr (zero != Zero::none) out.zeros[r] = __shfl_sync(0xffffffffU, zeros[r], from);
      }
      return out;
    }
  };

  Rows() = default;
  __device__ __forceinline__ Rows(const Groups& of, const GroupParts& parts, int first, int row) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const auto mine = static_cast<int64_t>(min(first + row + 8 * r, of.rows - 1));
      scales[r] = static_cast<const char*>(parts.scales) +
                  mine * of.groups * static_cast<int>(sizeof(Raw<single>));
      if (zero != Zero::none)
        zeros[r] = static_cast<const char*>(parts.zeros) +
                   mine * of.groups * static_cast<int>(sizeof(ZeroBits));
    }
  }

  __device__ __forceinline__ void read(uint32_t group, Scales& to) const {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      to.scales[r] = __ldg(reinterpret_cast<const Raw<single>*>(
          scales[r] + group * static_cast<uint32_t>(sizeof(Raw<single>))));
      if constexpr (zero != Zero::none)
        to.zeros[r] = __ldg(reinterpret_cast<const ZeroBits*>(
            zeros[r] + group * static_cast<uint32_t>(sizeof(ZeroBits))));
    }
  }

  // Adds a step's products to the sums of its rows and of each eight tokens: rows r and r + 8,
  // tokens 2q and 2q + 1 of the quarter q.
  template <int eights>
  static __device__ __forceinline__ void add(const Groups& of, const Codes (&from)[2],
                                             const Scales& group, const PairTable& table,
                                             const Vectors<code, X, wide> (&x)[eights],
                                             float (&total)[eights][4]) {
    float part[eights][4] = {};
    const auto base = zero == Zero::none ? Pairs<code, X>::without : Pairs<code, X>::with_zeros;
#pragma unroll
    for (int w = 0; w < wide / in_word; ++w) {
      uint32_t made[2][pairs], left[2][pairs];
#pragma unroll
      for (int r = 0; r < 2; ++r)
        if constexpr (code == Code::nf4)
          Pairs<code, X>::make(from[r].at[w], table, made[r], left[r]);
        else
          Pairs<code, X>::make(from[r].at[w], base, made[r]);
#pragma unroll
      for (int m = 0; m < in_word / 4; ++m) {
        const int at = w * (in_word / 4) + m;
        multiply(part, made, m, x, at);
        if constexpr (code == Code::nf4) multiply(part, left, m, x, at);
      }
    }
    const float scale[2] = {widened<single>(of.stored, group.scales[0]),
                            widened<single>(of.stored, group.scales[1])};
    if constexpr (zero != Zero::none) {
      add_with_zeros(of, group, scale, part, x, total);
    } else {
#pragma unroll
      for (int t = 0; t < eights; ++t)
#pragma unroll
        for (int i = 0; i < 4; ++i) total[t][i] = fmaf(scale[i / 2], part[t][i], total[t][i]);
    }
  }

 private:
  // Zeros are multiplied with the vectors' sums.
  template <int eights>
  static __device__ __forceinline__ void add_with_zeros(const Groups& of, const Scales& group,
                                                        const float (&scale)[2],
                                                        const float (&part)[eights][4],
                                                        const Vectors<code, X, wide> (&x)[eights],
                                                        float (&total)[eights][4]) {
    constexpr uint32_t ones[4] = {Twice<X>::one, Twice<X>::one, Twice<X>::one, Twice<X>::one};
    float number[2];
#pragma unroll
    for (int r = 0; r < 2; ++r)
      if constexpr (zero == Zero::code)
        number[r] = -static_cast<float>(group.zeros[r]);
      else if constexpr (zero == Zero::number)
        number[r] = widened<single>(of.stored, group.zeros[r]);
#pragma unroll
    for (int t = 0; t < eights; ++t) {
      float sum[4] = {};
#pragma unroll
      for (int m = 0; m < wide / 4; ++m) Twice<X>::multiply(sum, ones, x[t].pairs[m]);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float own = zero == Zero::code ? fmaf(number[i / 2], sum[i], part[t][i]) : part[t][i];
        total[t][i] = fmaf(scale[i / 2], own, total[t][i]);
        if (zero == Zero::number) total[t][i] = fmaf(number[i / 2], sum[i], total[t][i]);
      }
    }
  }

  template <int eights>
  static __device__ __forceinline__ void multiply(float (&part)[eights][4],
                                                  const uint32_t (&w)[2][pairs], int m,
                                                  const Vectors<code, X, wide> (&x)[eights],
                                                  int at) {
    const uint32_t a[4] = {w[0][2 * m], w[1][2 * m], w[0][2 * m + 1], w[1][2 * m + 1]};
#pragma unroll
    for (int t = 0; t < eights; ++t) Twice<X>::multiply(part[t], a, x[t].pairs[at]);
  }

  const char *scales[2], *zeros[2];
};

}  // namespace strata::kernels
