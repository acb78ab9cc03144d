// The format pack-quantized: integers of 1 to 8 bits, packed into words of 32 along each row.
#pragma once
#include "ct_weights/weight_settings.hpp"
#include "ct_weights/zeros.hpp"
#include "packed/method.hpp"
#include "packed/rows.hpp"

namespace compressed_tensors {

struct PackQuantized {
  static constexpr std::string_view keys[] = {"ct-pack"};

  static std::optional<strata::PackedWeight> recognize(const strata::Config* options,
                                                       const Tensors& tensors);

  PackQuantized(std::string_view, Words& words)
      : bits(words.integer(1, 8)), zeros(zeros_of(words)), ordered(words.integer(0, 1) != 0),
        shape_bits(words.integer(32, 64)), grid(words) {
    if (shape_bits % 32 != 0 || !is_float(grid.number())) words.refuse();
  }

  std::vector<strata::Part> parts(int64_t out, int64_t in) const;
  void unpack(std::span<const Memory> parts, const Memory& weight) const;
  std::optional<GroupForm> groups(int64_t out, int64_t in) const;
  void repack(int64_t out, int64_t in, std::span<const Memory> held, GroupRoom run) const;

  int64_t bits;
  Zeros zeros;
  bool ordered;        // weight_g_idx has the block of each column
  int64_t shape_bits;  // of the integers of weight_shape
  Grid grid;
};

}  // namespace compressed_tensors
