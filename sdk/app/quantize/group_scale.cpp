#include "app/quantize/group_scale.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/optim/cast.hpp"

namespace strata::app {
namespace {

// Adding this number to one below 2^22 rounds it to an integer, ties to even; subtracting it leaves
// that integer. A compiler makes vectors of this, and not of a call.
constexpr float rounding = 12582912.0f;

float in_dtype(float value, strata_dtype dtype) {
  if (same(dtype, optim::f32)) return value;
  std::uint16_t half = 0;
  optim::cast(dtype, &half, optim::f32, &value, 0, 1);
  optim::cast(optim::f32, &value, dtype, &half, 0, 1);
  return value;
}

// The distance from 1 to the next number of the dtype.
float least_step(strata_dtype dtype) {
  return same(dtype, optim::f32) ? 0x1p-23f : same(dtype, optim::bf16) ? 0x1p-7f : 0x1p-10f;
}

struct Range {
  float low = 0, high = 0;  // 0 is in it
};

Range range_of(std::span<const float> weights) {
  Range out;
  for (const float w : weights) {
    out.low = std::min(out.low, w);
    out.high = std::max(out.high, w);
  }
  return out;
}

GroupScale scale_of(const Range& range, const CompressedScheme& scheme, strata_dtype dtype) {
  const float steps = scheme.high() - scheme.low();
  GroupScale out;
  if (scheme.symmetric)
    out.scale = in_dtype(std::max(-range.low, range.high) / (steps / 2), dtype);
  else
    out.scale = in_dtype((range.high - range.low) / steps, dtype);
  if (out.scale == 0) return {least_step(dtype), 0};
  if (!scheme.symmetric)
    out.zero = std::nearbyint(
        std::clamp(scheme.low() - range.low / out.scale, scheme.low(), scheme.high()));
  return out;
}

// The sums over a group of importance * weight * level and importance * level^2, where the level is
// code - zero.
struct Sums {
  float product = 0, square = 0;
  // By so much the best scale for these codes lowers the error below that of zeros.
  float gain() const { return square > 0 ? product / square * product : 0; }
};

Sums sums_of(std::span<const float> weights, std::span<const float> importance,
             const GroupScale& scale, const CompressedScheme& scheme) {
  constexpr std::size_t lanes = 16;  // a fixed number, which the compiler makes vectors of
  const float inverse = 1 / scale.scale, low = scheme.low(), high = scheme.high();
  std::array<float, lanes> product{}, square{};
  const auto add = [&](std::size_t i, std::size_t lane) {
    const float placed = std::min(std::max(weights[i] * inverse + scale.zero, low), high);
    const float level = placed + rounding - rounding - scale.zero;
    const float weighted = importance[i] * level;
    product[lane] += weighted * weights[i];
    square[lane] += weighted * level;
  };
  std::size_t at = 0;
  for (; at + lanes <= weights.size(); at += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) add(at + lane, lane);
  for (; at < weights.size(); ++at) add(at, 0);
  Sums out;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    out.product += product[lane];
    out.square += square[lane];
  }
  return out;
}

}  // namespace

GroupScale range_scale(std::span<const float> weights, const CompressedScheme& scheme,
                       strata_dtype dtype) {
  return scale_of(range_of(weights), scheme, dtype);
}

GroupScale best_scale(std::span<const float> weights, std::span<const float> importance,
                      const CompressedScheme& scheme, strata_dtype dtype) {
  constexpr int tries = 12;
  const auto range = range_of(weights);
  auto best = scale_of(range, scheme, dtype);
  auto best_sums = sums_of(weights, importance, best, scheme);
  // Eight bits have room for the largest number; four are better spent on the many small ones.
  const float least = scheme.bits() == 4 ? 0.65f : 0.96f;
  const float most = scheme.symmetric ? (scheme.high() - scheme.low()) / 2 / scheme.high() : 1.0f;
  const auto consider = [&](const GroupScale& scale) {
    // A scale this small has no inverse, and no other one is better than the range's.
    if (!std::isfinite(1 / scale.scale)) return;
    const auto sums = sums_of(weights, importance, scale, scheme);
    if (!(sums.gain() > best_sums.gain())) return;
    best = scale;
    best_sums = sums;
  };
  for (int i = 0; i < tries; ++i) {
    const float part = most + (least - most) * static_cast<float>(i) / (tries - 1);
    const auto scale = scale_of({range.low * part, range.high * part}, scheme, dtype);
    consider(scale);
    // The codes reach one step further below than above, which a negative scale turns around.
    if (scheme.symmetric) consider({-scale.scale, 0});
  }
  if (best_sums.square > 0) {
    const float fitted = in_dtype(best_sums.product / best_sums.square, dtype);
    if (std::isfinite(fitted) && std::isfinite(1 / fitted)) best.scale = fitted;
  }
  return best;
}

}  // namespace strata::app
