// Products of float32 with weights that become float32, in registers or, for several tokens, in a
// tile that stays in the first cache.
//
// [Note: one order] The sum of a row and a token has one accumulator of `lanes` lanes, to which the
// row's vectors are added in order; its lanes are added at the end. Products with one token and
// with several do that with the same elements, so the number of tokens and the place of a row in a
// panel do not matter.
#if defined(STRATA_KERNELS_TILES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_TILES_INL_HPP
#undef STRATA_KERNELS_TILES_INL_HPP
#else
#define STRATA_KERNELS_TILES_INL_HPP
#endif

#include <algorithm>

#include "kernels/panel.hpp"
#include "kernels/vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels::HWY_NAMESPACE {

// A tile of rows and tokens has as many sums as registers hold. It has more rows than tokens: x
// comes from the second cache, and each vector of it is read once for a tile's rows.
constexpr int row_tile = HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86 ? 8 : 4;
constexpr int token_tile = 3;
constexpr int token_block = 48;       // tokens for which a tile is decoded once
constexpr int64_t column_tile = 512;  // of decoded weights

HWY_INLINE Vector load(const float* from) { return hn::LoadU(Floats(), from); }
HWY_INLINE float total(Vector sums) { return hn::GetLane(hn::SumOfLanes(Floats(), sums)); }

// Adds vectors' products to a row's sums.
struct Add {
  const float* x;
  Vector* sums;
  HWY_INLINE void operator()(int64_t k, Vector w) const {
    *sums = hn::MulAdd(w, load(x + k), *sums);
  }
};

// Stores elements.
struct Store {
  float* to;
  HWY_INLINE void operator()(int64_t k, Vector w) const { hn::StoreU(w, Floats(), to + k); }
};

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
template <class SomeRows, class Decode>
HWY_NOINLINE void token_blocks(const SomeRows& p, const float* x, int64_t ldx, int64_t first,
                               int64_t tokens, const Decode& decode) {
  Tile tile;
  std::fill_n(tile.sums, tokens * panel_rows * lanes, 0.0F);
  for (int64_t k = 0; k < p.columns; k += column_tile) {
    const int64_t columns = std::min<int64_t>(column_tile, p.columns - k);
    for (int64_t n = 0; n < p.rows; n += row_tile) {
      for (int r = 0; r < row_tile; ++r)
        decode(std::min(n + r, p.rows - 1), k, columns, tile.w + r * column_tile);
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

// Multiplies every token with the rows of a panel, whose `first`, `rows`, `columns`, `tokens` and
// `out` are as Panel's. decode(n, k, columns, to) stores so many elements, whole vectors, of the
// panel's row n from its element k on.
template <class SomeRows, class Decode>
HWY_INLINE void several_tokens(const SomeRows& p, const float* x, int64_t ldx,
                               const Decode& decode) {
  for (int64_t t = 0; t < p.tokens; t += token_block)
    token_blocks(p, x, ldx, t, std::min<int64_t>(token_block, p.tokens - t), decode);
}

}  // namespace strata::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
