// Quantizes rows of a weight to the bytes of compressed-tensors' layout.
#pragma once
#include <strata/abi/core.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "app/quantize/compressed_scheme.hpp"

namespace strata::app {

// Zero points of this many rows lie in whole words, so that a block of rows begins with one.
inline constexpr std::int64_t compressed_row_block = 32;

// The bytes of a row's codes: words of 32 bits with integers, one byte a number in fp8.
std::uint64_t code_bytes(const CompressedScheme& scheme, std::int64_t columns);
// The scales of a row. The group divides the columns.
std::int64_t scales_of_row(const CompressedScheme& scheme, std::int64_t columns);
// The bytes of the packed zero points of so many rows; 0 where the scheme has none.
std::uint64_t zero_bytes(const CompressedScheme& scheme, std::int64_t rows, std::int64_t columns);

// The places of the results: exactly the bytes of the rows' codes, scales and zero points.
struct CompressedRows {
  std::span<std::byte> codes, scales, zeros;
};

// Quantizes the rows of a matrix of so many columns. `dtype` is that of the scales: float32,
// bfloat16 or float16. `importance` has a number of at least 0 for each column; empty: all are
// equal. The weights are finite, and where rows of the matrix follow these, these are whole blocks.
// A division and the rounding behind it are float32's. Calls for different rows may run at once.
void quantize_rows(const CompressedScheme& scheme, strata_dtype dtype,
                   std::span<const float> importance, std::span<const float> weights,
                   std::int64_t columns, const CompressedRows& out);

}  // namespace strata::app
