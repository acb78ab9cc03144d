// The mean of rows, in their own dtype: the first value of a new row of an embedding.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "core/source/dtype.hpp"

namespace strata::source {

class RowMean {
 public:
  // Rows of `columns` elements of float64, float32, float16 or bfloat16; `who` begins the Error for
  // another dtype.
  RowMean(strata_dtype dtype, std::size_t columns, std::string_view who);

  void add(std::span<const std::byte> rows);  // whole ones
  std::vector<std::byte> row() const;         // rounded to the nearest

 private:
  strata_dtype dtype_;
  std::vector<double> sums_;
  std::size_t count_ = 0;
};

}  // namespace strata::source
