// Unpacks weights in groups: chunks are decoded, brought into the order of their elements and
// rounded.
#include <algorithm>

#include "gguf/floats.hpp"
#include "kernels/group_panel.hpp"
#include "kernels/groups.hpp"

namespace strata::kernels {

namespace {

// The loop is vectorized as widely as the processor can; that does not change the results.
template <class T>
[[gnu::always_inline]] inline void round_each(const float* from, int64_t count, T* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = gguf::from_float<T>(from[i]);
}
#ifdef __x86_64__
template <class T>
[[gnu::target("avx2")]] void round_wide(const float* from, int64_t count, T* to) {
  round_each(from, count, to);
}
template <class T>
void round_all(const float* from, int64_t count, T* to) {
  if (__builtin_cpu_supports("avx2")) return round_wide(from, count, to);
  round_each(from, count, to);
}
#else
template <class T>
void round_all(const float* from, int64_t count, T* to) {
  round_each(from, count, to);
}
#endif

// Brings a chunk into the order of its elements.
void reorder(const GroupColumns& at, const float* from, int64_t elements, float* to) {
  if (!at.four_bits) {
    std::copy_n(from, elements, to);
    return;
  }
  float values[chunk];
  float* const all = elements == chunk ? to : values;
  for (int64_t k = 0; k < chunk / 2; ++k) {
    all[2 * k] = from[k];
    all[2 * k + 1] = from[chunk / 2 + k];
  }
  if (all == values) std::copy_n(values, elements, to);
}

// Takes the chunks in pieces that stay in the first cache.
template <class T>
void store_row(const GroupPanel& p, int64_t n, T* to) {
  constexpr int64_t some = 32;
  const auto& at = p.at;
  float decoded[some * chunk], values[some * chunk];
  int64_t g = 0, first = 0;  // the next chunk's group and its element there
  for (int64_t c = 0; c < at.total(); c += some) {
    const int64_t count = std::min(some, at.total() - c);
    decode_groups(p, n, c, count, decoded);
    int64_t made = 0;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t elements = std::min(chunk, at.length(g) - first);
      reorder(at, decoded + i * chunk, elements, values + made);
      made += elements;
      first += elements;
      if (first == at.length(g)) first = 0, ++g;
    }
    round_all(values, made, to);
    to += made;
  }
}

template <class T>
void store_rows(const GroupPanel& p, T* to) {
  for (int64_t n = 0; n < p.rows; ++n) store_row(p, n, to + n * p.at.columns);
}

}  // namespace

void unpack(const GroupLinear& of, int64_t first, int64_t count, void* to, strata_dtype dtype) {
  const GroupColumns at(of.form, of.columns);
  const GroupPanel p{of, at, first, count, at.total() * chunk, 0, {}};
  if (dtype.bits == 64) return store_rows(p, static_cast<double*>(to));
  if (dtype.bits == 32) return store_rows(p, static_cast<float*>(to));
  if (dtype.code == STRATA_BFLOAT) return store_rows(p, static_cast<gguf::Brain*>(to));
  store_rows(p, static_cast<gguf::Half*>(to));
}

}  // namespace strata::kernels
