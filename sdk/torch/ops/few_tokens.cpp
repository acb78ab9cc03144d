#include "torch/ops/few_tokens.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace strata::torch {

namespace {

constexpr int64_t lanes = 8;
using Lanes [[gnu::vector_size(sizeof(float) * lanes)]] = float;

[[gnu::always_inline]] inline void add(Lanes& sum, const float* x, const float* weight) {
  Lanes a, b;
  std::memcpy(&a, x, sizeof a);
  std::memcpy(&b, weight, sizeof b);
  sum += a * b;
}

// The products of one row for each `r` with one token: each has two sums of lanes, so that no sum
// waits for its last addition. Written as folds, which keep the sums in registers.
template <int64_t... r>
[[gnu::always_inline]] inline void dots(std::integer_sequence<int64_t, r...>, const float* x,
                                        const float* weight, int64_t in, float* sums) {
  Lanes even[sizeof...(r)] = {}, odd[sizeof...(r)] = {};
  float rest[sizeof...(r)] = {};
  int64_t i = 0;
  for (; i + 2 * lanes <= in; i += 2 * lanes) {
    (add(even[r], x + i, weight + r * in + i), ...);
    (add(odd[r], x + i + lanes, weight + r * in + i + lanes), ...);
  }
  for (; i < in; ++i) ((rest[r] += x[i] * weight[r * in + i]), ...);
  ((even[r] += odd[r]), ...);
  for (int64_t lane = 0; lane < lanes; ++lane) ((rest[r] += even[r][lane]), ...);
  ((sums[r] = rest[r]), ...);
}

template <int64_t rows>
[[gnu::always_inline]] inline void block(const FewTokens& p, int64_t first) {
  for (int64_t t = 0; t < p.tokens; ++t) {
    float sums[rows];
    dots(std::make_integer_sequence<int64_t, rows>(), p.x + t * p.in, p.weight + first * p.in, p.in,
         sums);
    for (int64_t r = 0; r < rows; ++r)
      p.y[t * p.out + first + r] = sums[r] + (p.bias ? p.bias[first + r] : 0);
  }
}

[[gnu::always_inline]] inline void all(const FewTokens& p, int64_t first, int64_t last) {
  constexpr int64_t together = 4;
  for (; first + together <= last; first += together) block<together>(p, first);
  for (; first < last; ++first) block<1>(p, first);
}

void anywhere(const FewTokens& p, int64_t first, int64_t last) { all(p, first, last); }

#ifdef __x86_64__
[[gnu::target("avx2,fma")]] void wide(const FewTokens& p, int64_t first, int64_t last) {
  all(p, first, last);
}
bool is_wide() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#else
constexpr auto wide = anywhere;
bool is_wide() { return false; }
#endif

}  // namespace

void few_tokens_product(const FewTokens& p, int64_t first, int64_t last) {
  static const auto best = is_wide() ? wide : anywhere;
  best(p, first, last);
}

}  // namespace strata::torch
