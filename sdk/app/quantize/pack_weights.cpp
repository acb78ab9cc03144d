#include "app/quantize/pack_weights.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/error.hpp"
#include "core/optim/workers.hpp"
#include "core/source/dense_rows.hpp"
#include "core/source/dtype.hpp"

namespace strata::app {
namespace {

constexpr std::uint64_t range_elements = 1u << 19;

std::uint64_t row_bytes(const source::Part& part) {
  return static_cast<std::uint64_t>(part.shape.back()) * element_bytes(part.dtype);
}

void copy_range(const WeightPacking& weight, const source::Checkpoint& checkpoint,
                std::uint64_t first, std::uint64_t count, const WriteAt& write) {
  const auto& part = weight.to.stored.parts.front();
  source::DenseRows rows(checkpoint, weight.from, weight.to.shape, part.dtype);
  write(part.file.offset + first * element_bytes(part.dtype), rows.read(first, count));
}

// The values are rows from `first` on.
void check_finite(const WeightPacking& weight, std::uint64_t first, std::span<const float> values) {
  const auto columns = static_cast<std::size_t>(weight.to.shape[1]);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      throw Error("tensor '" + printable(weight.to.name) + "'",
                  std::string(std::isnan(values[i]) ? "has a NaN" : "has an infinity") +
                      " in row " + std::to_string(first + i / columns) + ", column " +
                      std::to_string(i % columns) + ", which cannot be quantized",
                  "use another file of the model, or leave out --quant");
}

void pack_range(const WeightPacking& weight, const source::Checkpoint& checkpoint,
                std::uint64_t first, std::uint64_t count, const WriteAt& write) {
  const auto columns = static_cast<std::uint64_t>(weight.to.shape[1]);
  source::DenseRows rows(checkpoint, weight.from, weight.to.shape, source::f32);
  const auto bytes = rows.read(first * columns, count * columns);
  std::vector<float> values(count * columns);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  check_finite(weight, first, values);
  std::vector<std::vector<std::byte>> held;
  std::vector<void*> parts;
  for (const auto& part : weight.to.stored.parts) {
    held.emplace_back(count * row_bytes(part));
    parts.push_back(held.back().data());
  }
  const shape::Value some{source::f32, {static_cast<int64_t>(count), weight.to.shape[1]}};
  try {
    weight.codec->pack(some, values.data(), parts, {STRATA_CPU, 0}, nullptr);
  } catch (const Error& error) {  // the plugin does not know the name
    throw Error("tensor '" + printable(weight.to.name) + "'", error.what(), "leave out --quant");
  }
  for (std::size_t i = 0; i < held.size(); ++i) {
    const auto& part = weight.to.stored.parts[i];
    write(part.file.offset + first * row_bytes(part), held[i]);
  }
}

}  // namespace

void pack_weights(const Packing& packing, const source::Checkpoint& checkpoint,
                  std::uint32_t threads, const WriteAt& write, const LoadProgress& progress) {
  optim::Workers workers(threads);
  std::uint64_t done = 0;
  for (const auto& weight : packing.weights) {
    const auto elements = static_cast<std::uint64_t>(source::elements(weight.to));
    if (weight.codec) {
      const auto columns = static_cast<std::uint64_t>(weight.to.shape[1]);
      workers.run(static_cast<std::uint64_t>(weight.to.shape[0]),
                  std::max<std::uint64_t>(1, range_elements / columns),
                  [&](std::uint64_t first, std::uint64_t count) {
                    pack_range(weight, checkpoint, first, count, write);
                  });
    } else if (elements > 0) {
      const source::DenseRows rows(checkpoint, weight.from, weight.to.shape,
                                   weight.to.stored.dtype());
      const auto grain = std::max<std::uint64_t>(1, range_elements / rows.step()) * rows.step();
      workers.run(elements, grain, [&](std::uint64_t first, std::uint64_t count) {
        copy_range(weight, checkpoint, first, count, write);
      });
    }
    done += weight.to.stored.bytes;
    if (progress) progress(done, packing.bytes);
  }
}

}  // namespace strata::app
