// Writes single tensors of a quantized folder, block by block.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "app/quantize/compressed_scheme.hpp"
#include "core/optim/workers.hpp"
#include "core/source/checkpoint.hpp"
#include "core/source/output.hpp"

namespace strata::app {

// The dtype of a weight's scales: its own, and float32 for float64.
strata_dtype scale_dtype(const source::Tensor& weight);

// Used by one thread; it shares the arithmetic among threads of its own.
class QuantizedWriter {
 public:
  // The checkpoint outlives it.
  QuantizedWriter(const source::Checkpoint& from, const CompressedScheme& scheme,
                  std::uint32_t threads);

  // Copies the bytes of a dense tensor to offset `at`.
  void copy(const source::Tensor& tensor, source::OutputFile& file, std::uint64_t at);
  // Quantizes a dense row-major matrix to `parts`, as compressed_tensors gives them, which lie one
  // behind the other from offset `at` on; `importance` is as quantize_rows takes it. Throws Error
  // naming the tensor for a number that is not finite.
  void quantize(const source::Tensor& tensor, std::span<const float> importance,
                std::span<const source::Tensor> parts, source::OutputFile& file, std::uint64_t at);

 private:
  // Reads rows as float32.
  std::span<const float> read(const source::Tensor& tensor, std::int64_t first, std::int64_t rows);

  const source::Checkpoint& from_;
  CompressedScheme scheme_;
  optim::Workers workers_;
  std::vector<std::byte> stored_, codes_, scales_, zeros_;
  std::vector<float> floats_;
};

}  // namespace strata::app
