// Exact products with blocks: weights become float32 in registers, or for several tokens in a tile.
// tiles-inl.hpp says in which order both ways add.
#include <algorithm>

#include "kernels/panel.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/exact.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "kernels/blocks-inl.hpp"
#include "kernels/super_blocks-inl.hpp"
#include "kernels/tiles-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels::HWY_NAMESPACE {

constexpr int row_group = 4;  // rows that one token is multiplied with at a time

// Begins to read what comes `ahead` bytes after block i of a row, about once for each line.
template <class Format>
HWY_INLINE void fetch(const uint8_t* b, int64_t i, int64_t ahead) {
  constexpr int64_t often = Format::bytes < 32 ? 2 : 1;
  if (i % often == 0)
    for (int at = 0; at < Format::bytes; at += 64) hwy::Prefetch(b + ahead + at);
}

// Adds the products of up to Scales::blocks blocks of four rows, and begins to read the next rows.
template <class Format>
HWY_INLINE void add_blocks(const uint8_t* const* rows, int64_t ahead, int count, const float* x,
                           Vector* sums) {
  typename Format::Scales scales[row_group];
  for (int r = 0; r < row_group; ++r) scales[r].read(rows[r], Format::bytes, count);
  for (auto& one : scales) one.widen(count);
  for (int64_t b = 0; b < count; ++b)
    for (int r = 0; r < row_group; ++r) {
      fetch<Format>(rows[r] + b * Format::bytes, b, ahead);
      Vector sum = sums[r];  // in a register, also where this loop is not unrolled
      Format::each(rows[r] + b * Format::bytes, scales[r], b, Add{x + b * Format::elements, &sum});
      sums[r] = sum;
    }
}

// One token is multiplied with four rows at a time, whose sums do not wait for each other.
template <class Format>
HWY_NOINLINE void one_token(const Panel& p, const float* x) {
  constexpr int64_t some = Format::Scales::blocks;
  const int64_t blocks = p.columns / Format::elements;
  for (int64_t n = 0; n < p.rows; n += row_group) {
    const uint8_t* rows[row_group];
    Vector sums[row_group];
    for (int r = 0; r < row_group; ++r) {
      rows[r] = p.w + (p.first + std::min(n + r, p.rows - 1)) * p.row_bytes;
      sums[r] = hn::Zero(Floats());
    }
    const int64_t ahead = n + row_group < p.rows ? row_group * p.row_bytes : 0;
    for (int64_t b = 0; b < blocks; b += some) {
      const int count = static_cast<int>(std::min(some, blocks - b));
      add_blocks<Format>(rows, ahead, count, x + b * Format::elements, sums);
      for (auto& row : rows) row += count * Format::bytes;
    }
    for (int r = 0; r < row_group && n + r < p.rows; ++r)
      p.out.put(0, p.first + n + r, total(sums[r]));
  }
}

// Decodes up to a tile's columns of one row.
template <class Format>
HWY_NOINLINE void decode(const uint8_t* row, int64_t columns, float* to) {
  constexpr int64_t some = Format::Scales::blocks;
  const int64_t blocks = columns / Format::elements;
  for (int64_t first = 0; first < blocks; first += some) {
    const int count = static_cast<int>(std::min(some, blocks - first));
    typename Format::Scales scales;
    scales.read(row, Format::bytes, count);
    scales.widen(count);
    for (int64_t b = 0; b < count; ++b, row += Format::bytes, to += Format::elements)
      Format::each(row, scales, b, Store{to});
  }
}

template <class Format>
HWY_NOINLINE void multiply_panel(const Panel& p, const float* x, int64_t ldx) {
  if (p.tokens == 1) return one_token<Format>(p, x);
  several_tokens(p, x, ldx, [&](int64_t n, int64_t k, int64_t columns, float* to) {
    const uint8_t* row = p.w + (p.first + n) * p.row_bytes;
    decode<Format>(row + k / Format::elements * Format::bytes, columns, to);
  });
}

void multiply(Block block, const Panel& p, const float* x, int64_t ldx) {
  switch (block) {
    case Block::q4_0:
      return multiply_panel<Q4_0>(p, x, ldx);
    case Block::q4_1:
      return multiply_panel<Q4_1>(p, x, ldx);
    case Block::q5_0:
      return multiply_panel<Q5_0>(p, x, ldx);
    case Block::q5_1:
      return multiply_panel<Q5_1>(p, x, ldx);
    case Block::q8_0:
      return multiply_panel<Q8_0>(p, x, ldx);
    case Block::q2_k:
      return multiply_panel<Q2_K>(p, x, ldx);
    case Block::q3_k:
      return multiply_panel<Q3_K>(p, x, ldx);
    case Block::q4_k:
      return multiply_panel<Q4_K>(p, x, ldx);
    case Block::q5_k:
      return multiply_panel<Q5_K>(p, x, ldx);
    case Block::q6_k:
      return multiply_panel<Q6_K>(p, x, ldx);
    case Block::bf16:
      return multiply_panel<BF16>(p, x, ldx);
    case Block::f16:
      return multiply_panel<F16>(p, x, ldx);
  }
}

int bits() { return 32 * lanes; }

}  // namespace strata::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::kernels {

HWY_EXPORT(multiply);
HWY_EXPORT(bits);

void multiply_exact(Block block, const Panel& panel, const float* x, int64_t ldx) {
  HWY_DYNAMIC_DISPATCH(multiply)(block, panel, x, ldx);
}

int vector_bits() { return HWY_DYNAMIC_DISPATCH(bits)(); }

}  // namespace strata::kernels
#endif
