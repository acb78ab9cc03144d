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
  const Share all{of.w, tokens};
  linear_grouped(of.block, of.rows, of.columns, &all, 1, x, x_dtype, ldx, y, y_dtype, ldy,
                 workspace, run, products);
}

void linear_grouped(Block block, int64_t rows, int64_t columns, const Share* shares, int64_t count,
                    const void* x, strata_dtype x_dtype, int64_t ldx, void* y, strata_dtype y_dtype,
                    int64_t ldy, std::byte* workspace, Run run, Products products) {
  const int64_t tokens = count > 0 ? shares[count - 1].end : 0;
  if (tokens <= 0 || rows <= 0) return;
  const Input in{x, x_dtype.code == STRATA_BFLOAT, ldx, columns};
  const Output out{y, y_dtype.code == STRATA_BFLOAT, ldy};
  const auto size = size_of(block);
  const int64_t panels = (rows + panel_rows - 1) / panel_rows;
  // Calls f(panel, its first token) for each panel of each weight.
  const auto multiply = [&](auto f) {
    spread(run, count * panels, [&](int64_t at) {
      const auto share = at / panels;
      const int64_t begin = share == 0 ? 0 : shares[share - 1].end;
      const int64_t first = at % panels * panel_rows;
      if (shares[share].end == begin) return;
      f(Panel{.w = reinterpret_cast<const uint8_t*>(shares[share].w),
              .row_bytes = columns / size.elements * size.bytes,
              .first = first,
              .rows = std::min<int64_t>(panel_rows, rows - first),
              .columns = columns,
              .tokens = shares[share].end - begin,
              .out = out.from(begin)},
        begin);
    });
  };
  if (rounds(block, products)) {
    auto* const space = reinterpret_cast<Activations*>(aligned(workspace));
    const int64_t ld = activations(columns);
    spread(run, tokens, [&](int64_t t) { round_token(in, t, offsets_of(block), space + t * ld); });
    multiply([&](const Panel& panel, int64_t begin) {
      multiply_fast(block, panel, space + begin * ld, ld);
    });
    return;
  }
  const auto* values = static_cast<const float*>(x);
  int64_t ld = ldx;
  if (in.narrow) {
    auto* const space = reinterpret_cast<float*>(aligned(workspace));
    spread(run, tokens, [&](int64_t t) { in.read(t, 0, columns, space + t * columns); });
    values = space;
    ld = columns;
  }
  multiply([&](const Panel& panel, int64_t begin) {
    multiply_exact(block, panel, values + begin * ld, ld);
  });
}

}  // namespace strata::kernels
