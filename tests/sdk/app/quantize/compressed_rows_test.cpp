// The rows' bytes against the formulas that compressed-tensors documents, written here in float64
// where the result does not depend on a rounding, and in float32 where it does.
#include "app/quantize/compressed_rows.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "core/optim/cast.hpp"
#include "core/source/dtype.hpp"

namespace strata::app {
namespace {

using Codes = CompressedScheme::Codes;

std::vector<float> drawn(std::size_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (auto& value : out) value = normal(random);
  return out;
}

struct Bytes {
  std::vector<std::byte> codes, scales, zeros;
};

Bytes quantized(const CompressedScheme& scheme, std::span<const float> weights,
                std::int64_t columns, strata_dtype dtype = source::f32,
                std::span<const float> importance = {}) {
  const auto rows = static_cast<std::int64_t>(weights.size()) / columns;
  Bytes out;
  out.codes.resize(static_cast<std::size_t>(rows) * code_bytes(scheme, columns));
  out.scales.resize(static_cast<std::size_t>(rows * scales_of_row(scheme, columns)) *
                    element_bytes(dtype));
  out.zeros.resize(zero_bytes(scheme, rows, columns));
  quantize_rows(scheme, dtype, importance, weights, columns, {out.codes, out.scales, out.zeros});
  return out;
}

// Number `index` of a run of packed ones, from the least bits of little-endian words up.
int code_at(std::span<const std::byte> words, std::uint32_t bits, std::size_t index) {
  const auto at = index * bits;
  std::uint32_t word = 0;
  std::memcpy(&word, &words[at / 32 * 4], 4);
  return static_cast<int>(word >> at % 32 & ((1u << bits) - 1)) - (1 << (bits - 1));
}

std::vector<float> scales_of(const Bytes& bytes, strata_dtype dtype) {
  std::vector<float> out(bytes.scales.size() / element_bytes(dtype));
  optim::cast(source::f32, out.data(), dtype, bytes.scales.data(), 0, out.size());
  return out;
}

float in_dtype(float value, strata_dtype dtype) {
  std::array<std::byte, 4> bytes{};
  optim::cast(dtype, bytes.data(), source::f32, &value, 0, 1);
  optim::cast(source::f32, &value, dtype, bytes.data(), 0, 1);
  return value;
}

double squared_error(const CompressedScheme& scheme, std::span<const float> weights,
                     std::int64_t columns, const Bytes& bytes,
                     std::span<const float> importance = {}) {
  const auto scales = scales_of(bytes, source::f32);
  const auto width = static_cast<std::size_t>(columns);
  const auto groups = static_cast<std::size_t>(scales_of_row(scheme, columns));
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto row = i / width, column = i % width, group = column / (width / groups);
    const auto words = std::span(bytes.codes).subspan(row * code_bytes(scheme, columns));
    double level = code_at(words, scheme.bits(), column);
    if (!scheme.symmetric) {
      const auto per_word = 32 / scheme.bits();
      const auto word = std::span(bytes.zeros).subspan((row / per_word * groups + group) * 4, 4);
      level -= code_at(word, scheme.bits(), row % per_word);
    }
    const double error = level * double{scales[row * groups + group]} - double{weights[i]};
    sum += error * error * (importance.empty() ? 1 : double{importance[column]});
  }
  return sum;
}

double relative_rms(const CompressedScheme& scheme) {
  constexpr std::int64_t columns = 1024;
  const auto weights = drawn(512 * columns, 7);
  double squares = 0;
  for (const float w : weights) squares += double{w} * double{w};
  return std::sqrt(squared_error(scheme, weights, columns, quantized(scheme, weights, columns)) /
                   squares);
}

}  // namespace

TEST_CASE("without a search, codes and scales are compressed-tensors' own", "[app][quantize]") {
  const auto codes = GENERATE(Codes::int4, Codes::int8);
  const auto group = GENERATE(0, 32, 64);
  const auto dtype = GENERATE(source::f32, source::bf16, source::f16);
  const CompressedScheme scheme{codes, group, true, false};
  constexpr std::int64_t columns = 192, rows = 5;
  auto weights = drawn(columns * rows);
  for (auto& w : weights) w = in_dtype(w, dtype);
  const auto bytes = quantized(scheme, weights, columns, dtype);
  const auto scales = scales_of(bytes, dtype);
  const auto size = static_cast<std::size_t>(group > 0 ? group : columns);
  REQUIRE(scales.size() == weights.size() / size);
  const float half_range = codes == Codes::int4 ? 7.5f : 127.5f;
  const float low = codes == Codes::int4 ? -8 : -128, high = codes == Codes::int4 ? 7 : 127;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    float most = 0;
    for (std::size_t k = i / size * size; k < (i / size + 1) * size; ++k)
      most = std::max(most, std::abs(weights[k]));
    const float scale = in_dtype(most / half_range, dtype);
    REQUIRE(scales[i / size] == scale);
    const float code = std::nearbyint(std::min(std::max(weights[i] / scale, low), high));
    const auto words = std::span(bytes.codes).subspan(i / columns * code_bytes(scheme, columns));
    REQUIRE(code_at(words, scheme.bits(), i % columns) == static_cast<int>(code));
  }
}

TEST_CASE("without a search, zero points are compressed-tensors' own", "[app][quantize]") {
  const CompressedScheme scheme{Codes::int4, 32, false, false};
  constexpr std::int64_t columns = 64, rows = 11;  // the last word of zero points is not full
  auto weights = drawn(columns * rows);
  for (auto& w : weights) w += 0.75f;
  const auto bytes = quantized(scheme, weights, columns);
  REQUIRE(bytes.zeros.size() == 2 * 2 * 4);
  const auto scales = scales_of(bytes, source::f32);
  for (std::size_t group = 0; group < rows * 2; ++group) {
    float low = 0, high = 0;
    for (std::size_t k = group * 32; k < group * 32 + 32; ++k) {
      low = std::min(low, weights[k]);
      high = std::max(high, weights[k]);
    }
    const float scale = (high - low) / 15;
    REQUIRE(scales[group] == scale);
    const float zero = std::nearbyint(std::min(std::max(-8 - low / scale, -8.0f), 7.0f));
    const auto row = group / 2;
    const auto word = std::span(bytes.zeros).subspan((row / 8 * 2 + group % 2) * 4, 4);
    REQUIRE(code_at(word, 4, row % 8) == static_cast<int>(zero));
    for (std::size_t k = 0; k < 32; ++k) {
      const float placed = weights[group * 32 + k] / scale + zero;
      const auto words = std::span(bytes.codes).subspan(row * 32);
      REQUIRE(code_at(words, 4, group % 2 * 32 + k) ==
              static_cast<int>(std::nearbyint(std::min(std::max(placed, -8.0f), 7.0f))));
    }
  }
}

TEST_CASE("fp8 has a scale for a row, and its largest number is 448", "[app][quantize]") {
  const CompressedScheme scheme{Codes::fp8, 0, true};
  constexpr std::int64_t columns = 50;
  auto weights = drawn(columns * 3);
  weights[columns + 9] = -20;
  const auto bytes = quantized(scheme, weights, columns);
  REQUIRE(bytes.codes.size() == columns * 3);
  REQUIRE(scales_of(bytes, source::f32)[1] == 20.0f / 448);
  REQUIRE(bytes.codes[columns + 9] == std::byte{0xfe});
}

TEST_CASE("the padding behind a row's last code is zero", "[app][quantize]") {
  const CompressedScheme scheme{Codes::int4, 0, true};
  const std::vector<float> weights{1, -1, 0.5f, 1, -1, 0.5f};  // rows of 3 in words of 8
  const auto bytes = quantized(scheme, weights, 3);
  REQUIRE(bytes.codes.size() == 8);
  for (const std::size_t row : {0, 4}) {
    REQUIRE((bytes.codes[row + 1] & std::byte{0xf0}) == std::byte{0});
    REQUIRE(bytes.codes[row + 2] == std::byte{0});
    REQUIRE(bytes.codes[row + 3] == std::byte{0});
  }
}

TEST_CASE("a group of zeros is exact and its scale is not zero", "[app][quantize]") {
  const bool symmetric = GENERATE(true, false);
  const CompressedScheme scheme{Codes::int4, 32, symmetric};
  const std::vector<float> weights(64);
  for (const auto dtype : {source::f32, source::bf16, source::f16}) {
    const auto bytes = quantized(scheme, weights, 64, dtype);
    for (const float scale : scales_of(bytes, dtype)) REQUIRE(scale > 0);
    if (same(dtype, source::f32)) REQUIRE(squared_error(scheme, weights, 64, bytes) == 0);
  }
}

TEST_CASE("numbers near the ends of float32 give finite scales", "[app][quantize]") {
  const bool symmetric = GENERATE(true, false);
  const CompressedScheme scheme{Codes::int4, 32, symmetric};
  for (const float size : {1e-44f, 1e-39f, 1e30f, 1.5e38f}) {
    auto weights = drawn(64);
    for (auto& w : weights) w *= size / 4;
    const auto bytes = quantized(scheme, weights, 64);
    for (const float scale : scales_of(bytes, source::f32)) {
      INFO(size);
      REQUIRE(std::isfinite(scale));
      REQUIRE(scale != 0);
    }
  }
}

TEST_CASE("the search lowers the error of normal weights", "[app][quantize]") {
  struct Row {
    CompressedScheme scheme;
    double range, best;  // the relative RMS error that NumPy measured for these formulas
  };
  const auto row = GENERATE(Row{{Codes::int4, 64, true}, 0.1029, 0.0899},
                            Row{{Codes::int4, 32, true}, 0.0949, 0.0809},
                            Row{{Codes::int8, 64, true}, 0.00604, 0.00562});
  auto scheme = row.scheme;
  CHECK(relative_rms(scheme) == Approx(row.best).epsilon(0.01));
  scheme.search = false;
  CHECK(relative_rms(scheme) == Approx(row.range).epsilon(0.01));
}

TEST_CASE("the search with zero points lowers the error too", "[app][quantize]") {
  CompressedScheme scheme{Codes::int4, 64, false};
  const auto best = relative_rms(scheme);
  scheme.search = false;
  REQUIRE(best < 0.98 * relative_rms(scheme));
}

TEST_CASE("important columns get the smaller error", "[app][quantize]") {
  const CompressedScheme scheme{Codes::int4, 64, true};
  constexpr std::int64_t columns = 256;
  const auto weights = drawn(64 * columns);
  std::vector<float> importance(columns, 0.01f);
  for (std::size_t i = 0; i < columns; i += 16) importance[i] = 10;
  const auto equal = quantized(scheme, weights, columns),
             weighted = quantized(scheme, weights, columns, source::f32, importance);
  REQUIRE(squared_error(scheme, weights, columns, weighted, importance) <
          0.8 * squared_error(scheme, weights, columns, equal, importance));
}

TEST_CASE("rows give the same bytes alone and together", "[app][quantize]") {
  const auto symmetric = GENERATE(true, false);
  const CompressedScheme scheme{Codes::int4, 32, symmetric};
  constexpr std::int64_t columns = 96;
  const auto weights = drawn(columns * 2 * compressed_row_block);
  const auto whole = quantized(scheme, weights, columns);
  Bytes joined;
  for (std::size_t block = 0; block < 2; ++block) {
    const auto half = weights.size() / 2;
    const auto part = quantized(scheme, std::span(weights).subspan(block * half, half), columns);
    joined.codes.insert(joined.codes.end(), part.codes.begin(), part.codes.end());
    joined.scales.insert(joined.scales.end(), part.scales.begin(), part.scales.end());
    joined.zeros.insert(joined.zeros.end(), part.zeros.begin(), part.zeros.end());
  }
  REQUIRE(whole.codes == joined.codes);
  REQUIRE(whole.scales == joined.scales);
  REQUIRE(whole.zeros == joined.zeros);
}

}  // namespace strata::app
