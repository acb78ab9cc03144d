#include "app/quantize/compressed_rows.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "app/quantize/e4m3.hpp"
#include "app/quantize/group_scale.hpp"
#include "core/optim/cast.hpp"

namespace strata::app {
namespace {

std::uint64_t word_bytes(std::uint64_t numbers, std::uint32_t bits) {
  return (numbers * bits + 31) / 32 * 4;
}

std::uint64_t unsigned64(std::int64_t value) { return static_cast<std::uint64_t>(value); }

// Writes integer codes from the least bits up. The file has code - low.
class Bits {
 public:
  Bits(std::span<std::byte> to, const CompressedScheme& scheme)
      : to_(to), bits_(scheme.bits()), low_(scheme.low()) {}

  void put(std::uint64_t number, float code) {
    const auto value = static_cast<std::uint8_t>(code - low_);
    if (bits_ == 8)
      to_[number] = std::byte{value};
    else
      to_[number / 2] |= std::byte{value} << (number % 2 * 4);
  }

 private:
  std::span<std::byte> to_;
  std::uint32_t bits_;
  float low_;
};

void put_group(const CompressedScheme& scheme, const GroupScale& scale,
               std::span<const float> weights, std::uint64_t first, std::span<std::byte> codes) {
  const float low = scheme.low(), high = scheme.high();
  Bits bits(codes, scheme);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float code = std::clamp(weights[i] / scale.scale + scale.zero, low, high);
    if (scheme.floating())
      codes[first + i] = std::byte{to_e4m3(code)};
    else
      bits.put(first + i, std::nearbyint(code));
  }
}

}  // namespace

std::uint64_t code_bytes(const CompressedScheme& scheme, std::int64_t columns) {
  return scheme.floating() ? unsigned64(columns) : word_bytes(unsigned64(columns), scheme.bits());
}

std::int64_t scales_of_row(const CompressedScheme& scheme, std::int64_t columns) {
  return scheme.group > 0 ? columns / scheme.group : 1;
}

std::uint64_t zero_bytes(const CompressedScheme& scheme, std::int64_t rows, std::int64_t columns) {
  if (scheme.symmetric) return 0;
  return word_bytes(unsigned64(rows), scheme.bits()) * unsigned64(scales_of_row(scheme, columns));
}

void quantize_rows(const CompressedScheme& scheme, strata_dtype dtype,
                   std::span<const float> importance, std::span<const float> weights,
                   std::int64_t columns, const CompressedRows& out) {
  const auto width = unsigned64(columns), rows = weights.size() / width;
  const auto groups = unsigned64(scales_of_row(scheme, columns)), group = width / groups;
  const auto row_bytes = code_bytes(scheme, columns);
  const bool search = scheme.search && !scheme.floating();
  std::vector<float> equal(search && importance.empty() ? width : 0, 1.0f);
  const auto shares = importance.empty() ? std::span<const float>(equal) : importance;
  std::vector<float> scales(rows * groups);
  std::ranges::fill(out.codes, std::byte{0});
  std::ranges::fill(out.zeros, std::byte{0});
  const auto zeros_of_word = 32 / scheme.bits();
  for (std::uint64_t r = 0; r < rows; ++r)
    for (std::uint64_t g = 0; g < groups; ++g) {
      const auto own = weights.subspan(r * width + g * group, group);
      const auto scale = search ? best_scale(own, shares.subspan(g * group, group), scheme, dtype)
                                : range_scale(own, scheme, dtype);
      scales[r * groups + g] = scale.scale;
      put_group(scheme, scale, own, g * group, out.codes.subspan(r * row_bytes, row_bytes));
      if (scheme.symmetric) continue;
      const auto word = (r / zeros_of_word * groups + g) * 4;
      Bits(out.zeros.subspan(word, 4), scheme).put(r % zeros_of_word, scale.zero);
    }
  optim::cast(dtype, out.scales.data(), optim::f32, scales.data(), 0, scales.size());
}

}  // namespace strata::app
