#include "kernels/packed_linear.hpp"

#include <algorithm>

#include "kernels/activations.hpp"
#include "kernels/input.hpp"
#include "kernels/panel.hpp"
#include "kernels/spread.hpp"

namespace strata::kernels {

namespace {

constexpr BlockSize sizes[block_count] = {{18, 32},   {20, 32},   {22, 32},   {24, 32},
                                          {34, 32},   {84, 256},  {110, 256}, {144, 256},
                                          {176, 256}, {210, 256}, {64, 32},   {64, 32}};

bool rounds(Block block, Products products) {
  const bool dense = block == Block::bf16 || block == Block::f16;
  return products == Products::fast && !dense && has_fast();
}

// The workspace holds tokens as float32, or as Activations.
int64_t activations(int64_t columns) {
  return (columns + Activations::elements - 1) / Activations::elements;
}
std::size_t token_bytes(const Linear& of, Products products) {
  const auto columns = of.columns;
  if (!rounds(of.block, products)) return static_cast<std::size_t>(columns) * sizeof(float);
  return static_cast<std::size_t>(activations(columns)) * sizeof(Activations);
}

void round_token(const Input& in, int64_t t, Offsets offsets, Activations* out) {
  constexpr int64_t some = 512;
  float values[some];
  for (int64_t k = 0; k < in.columns; k += some) {
    const int64_t count = std::min(some, in.columns - k);
    in.read(t, k, count, values);
    round_activations(values, count, offsets, out + k / Activations::elements);
  }
}

}  // namespace

BlockSize size_of(Block block) { return sizes[static_cast<int>(block)]; }

bool can(Block block, int64_t columns) {
  return columns > 0 && columns % size_of(block).elements == 0;
}

bool has_fast() { return can_multiply_fast(); }

std::size_t workspace(const Linear& of, int64_t tokens, Products products) {
  return static_cast<std::size_t>(tokens) * token_bytes(of, products) + alignment;
}

void linear(const Linear& of, const void* x, strata_dtype x_dtype, int64_t ldx, void* y,
            strata_dtype y_dtype, int64_t ldy, int64_t tokens, std::byte* workspace, Run run,
            Products products) {
  if (tokens <= 0 || of.rows <= 0) return;
  const Input in{x, x_dtype.code == STRATA_BFLOAT, ldx, of.columns};
  const auto size = size_of(of.block);
  const Panel all{.w = reinterpret_cast<const uint8_t*>(of.w),
                  .row_bytes = of.columns / size.elements * size.bytes,
                  .first = 0,
                  .rows = of.rows,
                  .columns = of.columns,
                  .tokens = tokens,
                  .out = {y, y_dtype.code == STRATA_BFLOAT, ldy}};
  const int64_t panels = (of.rows + panel_rows - 1) / panel_rows;
  const auto panel = [&](int64_t at) {
    Panel one = all;
    one.first = at * panel_rows;
    one.rows = std::min<int64_t>(panel_rows, of.rows - one.first);
    return one;
  };
  if (rounds(of.block, products)) {
    auto* const space = reinterpret_cast<Activations*>(aligned(workspace));
    const int64_t ld = activations(of.columns);
    spread(run, tokens,
           [&](int64_t t) { round_token(in, t, offsets_of(of.block), space + t * ld); });
    spread(run, panels, [&](int64_t at) { multiply_fast(of.block, panel(at), space, ld); });
    return;
  }
  const auto* values = static_cast<const float*>(x);
  int64_t ld = ldx;
  if (in.narrow) {
    auto* const space = reinterpret_cast<float*>(aligned(workspace));
    spread(run, tokens, [&](int64_t t) { in.read(t, 0, of.columns, space + t * of.columns); });
    values = space;
    ld = of.columns;
  }
  spread(run, panels, [&](int64_t at) { multiply_exact(of.block, panel(at), values, ld); });
}

}  // namespace strata::kernels
