// Unpacks weights in groups: chunks are decoded, brought into the order of their elements and
// rounded.
#include <algorithm>

#include "gguf/floats.hpp"
#include "kernels/group_panel.hpp"
#include "kernels/groups.hpp"

namespace strata::kernels {

namespace {

// Takes the chunks in pieces that stay in the first cache.
template <class T>
void store_row(const GroupPanel& p, int64_t n, T* to) {
  constexpr int64_t some = 32;
  const auto& at = p.at;
  float decoded[some * chunk], values[chunk];
  for (int64_t c = 0; c < at.total(); c += some) {
    const int64_t count = std::min(some, at.total() - c);
    decode_groups(p, n, c, count, decoded);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t g = (c + i) / at.chunks, first = (c + i) % at.chunks * chunk;
      const int64_t elements = std::min(chunk, at.length(g) - first);
      const float* from = decoded + i * chunk;
      if (at.four_bits) {
        for (int64_t k = 0; k < chunk / 2; ++k) {
          values[2 * k] = from[k];
          values[2 * k + 1] = from[chunk / 2 + k];
        }
        from = values;
      }
      for (int64_t k = 0; k < elements; ++k) *to++ = gguf::from_float<T>(from[k]);
    }
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
