// Exact products: weights become float32 in registers, or for several tokens in a tile that stays
// in the first cache.
//
// [Note: one order] The sum of a row and a token has one accumulator of `lanes` lanes, to which the
// row's vectors are added in order; its lanes are added at the end. Both ways below do that, with
// the same elements, so the number of tokens and the place of a row in a panel do not matter.
#include <algorithm>

#include "kernels/panel.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/exact.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "kernels/blocks-inl.hpp"
#include "kernels/super_blocks-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels::HWY_NAMESPACE {

// A tile of rows and tokens has as many sums as registers hold. It has more rows than tokens: x
// comes from the second cache, and each vector of it is read once for a tile's rows.
constexpr int row_tile = HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86 ? 8 : 4;
constexpr int token_tile = 3;
constexpr int row_group = 4;          // rows that one token is multiplied with at a time
constexpr int token_block = 48;       // tokens for which a tile is decoded once
constexpr int64_t column_tile = 512;  // of decoded weights

HWY_INLINE Vector load(const float* from) { return hn::LoadU(Floats(), from); }
HWY_INLINE float total(Vector sums) { return hn::GetLane(hn::SumOfLanes(Floats(), sums)); }

// Adds a block's products to a row's sums.
struct Add {
  const float* x;
  Vector* sums;
  HWY_INLINE void operator()(int64_t k, Vector w) const {
    *sums = hn::MulAdd(w, load(x + k), *sums);
  }
};

// Stores a block's elements.
struct Store {
  float* to;
  HWY_INLINE void operator()(int64_t k, Vector w) const { hn::StoreU(w, Floats(), to + k); }
};

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

// Adds the products of a tile of rows with some tokens. `w` has `column_tile` elements from row to
// row, `sums` `lanes` elements from row to row and panel_rows times as many from token to token.
template <int tokens>
HWY_NOINLINE void add_tile(const float* w, const float* x, int64_t ldx, int64_t columns,
                           float* sums) {
  Vector sum[row_tile][tokens];
  for (int t = 0; t < tokens; ++t)
    for (int r = 0; r < row_tile; ++r) sum[r][t] = load(sums + (t * panel_rows + r) * lanes);
  for (int64_t k = 0; k < columns; k += lanes) {
    Vector value[tokens];
    for (int t = 0; t < tokens; ++t) value[t] = load(x + t * ldx + k);
    for (int r = 0; r < row_tile; ++r) {
      const auto weight = load(w + r * column_tile + k);
      for (int t = 0; t < tokens; ++t) sum[r][t] = hn::MulAdd(weight, value[t], sum[r][t]);
    }
  }
  for (int t = 0; t < tokens; ++t)
    for (int r = 0; r < row_tile; ++r)
      hn::StoreU(sum[r][t], Floats(), sums + (t * panel_rows + r) * lanes);
}

struct Tile {
  alignas(64) float w[row_tile * column_tile];
  alignas(64) float sums[token_block * panel_rows * lanes];
};

// Multiplies up to token_block tokens. Rows of a tile beyond the panel repeat its last one.
template <class Format>
HWY_NOINLINE void token_blocks(const Panel& p, const float* x, int64_t ldx, int64_t first,
                               int64_t tokens) {
  Tile tile;
  std::fill_n(tile.sums, tokens * panel_rows * lanes, 0.0F);
  for (int64_t k = 0; k < p.columns; k += column_tile) {
    const int64_t columns = std::min<int64_t>(column_tile, p.columns - k);
    const uint8_t* blocks = p.w + p.first * p.row_bytes + k / Format::elements * Format::bytes;
    for (int64_t n = 0; n < p.rows; n += row_tile) {
      for (int r = 0; r < row_tile; ++r) {
        const uint8_t* row = blocks + std::min(n + r, p.rows - 1) * p.row_bytes;
        decode<Format>(row, columns, tile.w + r * column_tile);
      }
      int64_t t = 0;
      const auto next = [&](auto add, int some) {
        for (; t + some <= tokens; t += some)
          add(tile.w, x + (first + t) * ldx + k, ldx, columns,
              tile.sums + (t * panel_rows + n) * lanes);
      };
      next(add_tile<token_tile>, token_tile);
      next(add_tile<2>, 2);
      next(add_tile<1>, 1);
    }
  }
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t n = 0; n < p.rows; ++n)
      p.out.put(first + t, p.first + n, total(load(tile.sums + (t * panel_rows + n) * lanes)));
}

template <class Format>
HWY_NOINLINE void multiply_panel(const Panel& p, const float* x, int64_t ldx) {
  if (p.tokens == 1) return one_token<Format>(p, x);
  for (int64_t t = 0; t < p.tokens; t += token_block)
    token_blocks<Format>(p, x, ldx, t, std::min<int64_t>(token_block, p.tokens - t));
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
