#include "app/quantize/quantized_writer.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "app/quantize/compressed_rows.hpp"
#include "core/error.hpp"
#include "core/optim/cast.hpp"
#include "core/source/dtype.hpp"
#include "core/source/elements.hpp"

namespace strata::app {
namespace {

constexpr std::uint64_t buffer_bytes = 32ull << 20;

// As many whole blocks of rows as the buffer holds as float32, and at least one.
std::int64_t rows_at_once(std::int64_t columns) {
  const auto fit = static_cast<std::int64_t>(buffer_bytes / sizeof(float)) / columns;
  return std::max<std::int64_t>(fit / compressed_row_block, 1) * compressed_row_block;
}

void require_finite(std::span<const float> values, const source::Tensor& tensor,
                    std::int64_t first_row) {
  const auto found =
      std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
  if (found == values.end()) return;
  const auto row = first_row + (found - values.begin()) / tensor.shape[1];
  throw Error("tensor '" + printable(tensor.name) + "'",
              "row " + std::to_string(row) + " has a number that is not finite",
              "use another checkpoint of the model");
}

}  // namespace

strata_dtype scale_dtype(const source::Tensor& weight) {
  return same(weight.stored.dtype(), source::f64) ? source::f32 : weight.stored.dtype();
}

QuantizedWriter::QuantizedWriter(const source::Checkpoint& from, const CompressedScheme& scheme,
                                 std::uint32_t threads)
    : from_(from), scheme_(scheme), workers_(threads) {}

void QuantizedWriter::copy(const source::Tensor& tensor, source::OutputFile& file,
                           std::uint64_t at) {
  for (std::uint64_t done = 0; done < tensor.stored.bytes;) {
    stored_.resize(std::min(buffer_bytes, tensor.stored.bytes - done));
    from_.read(tensor, done, stored_);
    file.write(at + done, stored_);
    done += stored_.size();
  }
}

std::span<const float> QuantizedWriter::read(const source::Tensor& tensor, std::int64_t first,
                                             std::int64_t rows) {
  const auto dtype = tensor.stored.dtype();
  const auto columns = static_cast<std::uint64_t>(tensor.shape[1]);
  const auto row = columns * element_bytes(dtype);
  stored_.resize(static_cast<std::uint64_t>(rows) * row);
  from_.read(tensor, static_cast<std::uint64_t>(first) * row, stored_);
  floats_.resize(static_cast<std::uint64_t>(rows) * columns);
  optim::cast(optim::f32, floats_.data(), dtype, stored_.data(), 0, floats_.size());
  return floats_;
}

void QuantizedWriter::quantize(const source::Tensor& tensor, std::span<const float> importance,
                               std::span<const source::Tensor> parts, source::OutputFile& file,
                               std::uint64_t at) {
  if (!source::is_floating(tensor.stored.dtype()))
    throw Error("tensor '" + printable(tensor.name) + "'", "its numbers are not floating-point",
                "give the model unquantized");
  const auto dtype = scale_dtype(tensor);
  const auto rows = tensor.shape[0], columns = tensor.shape[1];
  const auto row_codes = code_bytes(scheme_, columns);
  const auto row_scales =
      static_cast<std::uint64_t>(scales_of_row(scheme_, columns)) * element_bytes(dtype);
  const auto codes_at = at, scales_at = codes_at + parts[0].stored.bytes,
             zeros_at = scales_at + parts[1].stored.bytes;
  for (std::int64_t first = 0; first < rows;) {
    const auto some = std::min(rows_at_once(columns), rows - first);
    const auto weights = read(tensor, first, some);
    require_finite(weights, tensor, first);
    const auto count = static_cast<std::uint64_t>(some), from = static_cast<std::uint64_t>(first);
    codes_.resize(count * row_codes);
    scales_.resize(count * row_scales);
    zeros_.resize(zero_bytes(scheme_, some, columns));
    workers_.run(count, compressed_row_block, [&](std::uint64_t row, std::uint64_t many) {
      const auto width = static_cast<std::uint64_t>(columns);
      const auto zeros_from = zero_bytes(scheme_, static_cast<std::int64_t>(row), columns),
                 zeros = zero_bytes(scheme_, static_cast<std::int64_t>(many), columns);
      quantize_rows(scheme_, dtype, importance, weights.subspan(row * width, many * width), columns,
                    {std::span(codes_).subspan(row * row_codes, many * row_codes),
                     std::span(scales_).subspan(row * row_scales, many * row_scales),
                     std::span(zeros_).subspan(zeros_from, zeros)});
    });
    file.write(codes_at + from * row_codes, codes_);
    file.write(scales_at + from * row_scales, scales_);
    if (!zeros_.empty()) file.write(zeros_at + zero_bytes(scheme_, first, columns), zeros_);
    first += some;
  }
  if (scheme_.floating()) return;
  const std::array<std::int64_t, 2> shape{rows, columns};
  file.write(zeros_at + zero_bytes(scheme_, rows, columns), std::as_bytes(std::span(shape)));
}

}  // namespace strata::app
