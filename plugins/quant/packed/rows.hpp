// Rows of a weight whose elements are (code - zero) * scale, with a scale and a zero for each block
// of columns.
#pragma once
#include <algorithm>
#include <vector>

#include "kernels/groups.hpp"
#include "packed/grid.hpp"

namespace packed {

inline void scale_block(float* row, int64_t first, int64_t end, float zero, float scale) {
  for (auto c = first; c < end; ++c) row[c] = (row[c] - zero) * scale;
}

// Fills a dense weight [out,in], whose blocks have `length` columns. codes(row, float*) writes the
// codes of a row, and zero(row, block) and scale(row, block) give the block's. An element is
// computed in float32 and rounded to `made`, the format in which the package of the checkpoint
// computes it; the bits are the same, because float32 holds every product of a code and a number of
// 16 bits. order [in], where given, has the block of each column, below `blocks` of a row.
template <class Codes, class Zero, class Scale>
void fill(const strata::Memory& weight, int64_t length, Number made, Codes&& codes, Zero&& zero,
          Scale&& scale, const int32_t* order = nullptr) {
  const auto out = weight.shape[0], in = weight.shape[1];
  const auto blocks = (in + length - 1) / length;
  std::vector<float> row(static_cast<std::size_t>(in)), z(static_cast<std::size_t>(blocks)), s = z;
  over_elements(weight, [&](auto* to) {
    for (int64_t r = 0; r < out; ++r, to += in) {
      codes(r, row.data());
      for (std::size_t b = 0; b < z.size(); ++b)
        z[b] = zero(r, static_cast<int64_t>(b)), s[b] = scale(r, static_cast<int64_t>(b));
      if (order)
        for (std::size_t c = 0; c < row.size(); ++c)
          row[c] = (row[c] - z[static_cast<std::size_t>(order[c])]) *
                   s[static_cast<std::size_t>(order[c])];
      else
        for (std::size_t b = 0; b < z.size(); ++b)
          scale_block(row.data(), static_cast<int64_t>(b) * length,
                      std::min((static_cast<int64_t>(b) + 1) * length, in), z[b], s[b]);
      store_row(row.data(), in, made, to);
    }
  });
}

// The form that has a scale for each row and each block of its columns, where there is such a form.
inline std::optional<strata::kernels::GroupForm> groups_of(const Grid& grid, int64_t in,
                                                           strata::kernels::Code code,
                                                           strata::kernels::Zero zero) {
  const bool bytes = !is_float(grid.number());  // bfloat16 holds every power of 2
  const auto scale = type_of(bytes ? Number::brain : grid.number()).dtype;
  const auto across = grid.columns(in) >= in;
  const strata::kernels::GroupForm form{code, zero, scale, across ? in + in % 2 : grid.columns(in)};
  return valid(form) && can(form, in) ? std::optional(form) : std::nullopt;
}

// Fills the scales [out, blocks] of that form.
inline void repack_scales(const Grid& grid, const void* from, int64_t out, int64_t in, void* to) {
  const auto across = grid.across(in);
  for (int64_t r = 0, i = 0; r < out; ++r)
    for (int64_t block = 0; block < across; ++block, ++i) {
      const auto at = grid.position(r, block, in);
      switch (grid.number()) {
        case Number::single:
          static_cast<float*>(to)[i] = load<float>(from, at);
          break;
        case Number::half:
        case Number::brain:
          static_cast<uint16_t*>(to)[i] = load<uint16_t>(from, at);
          break;
        default:
          static_cast<Brain*>(to)[i] = gguf::to_brain(number_at(grid.number(), from, at));
      }
    }
}

}  // namespace packed
