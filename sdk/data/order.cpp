#include "data/order.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "core/error.hpp"

namespace strata::data {
namespace {

constexpr std::uint64_t validation_round = ~std::uint64_t{0};

std::uint64_t mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

std::vector<std::uint32_t> shuffled(std::uint32_t count, std::uint64_t seed, std::uint64_t round) {
  const auto base = mix(mix(seed) + round);
  std::vector<std::pair<std::uint64_t, std::uint32_t>> keys(count);
  for (std::uint32_t i = 0; i < count; ++i) keys[i] = {mix(base + i), i};
  std::ranges::sort(keys);
  std::vector<std::uint32_t> out(count);
  std::ranges::transform(keys, out.begin(), [](const auto& key) { return key.second; });
  return out;
}

Split unsplit(std::uint32_t rows) {
  Split out;
  out.training.resize(rows);
  std::iota(out.training.begin(), out.training.end(), 0U);
  return out;
}

Split split_rows(std::uint32_t rows, double fraction, std::uint64_t seed, bool shuffle) {
  if (!(fraction > 0 && fraction < 1))
    throw UsageError("--validation", "the fraction " + std::to_string(fraction) + " is no part",
                     "give one between 0 and 1, or a file");
  const auto count = std::max(1U, static_cast<std::uint32_t>(std::llround(fraction * rows)));
  if (count >= rows)
    throw UsageError("--validation",
                     "no row is left for training: " + std::to_string(count) + " of " +
                         std::to_string(rows) + " rows are for validation",
                     "give a smaller fraction, or a file");
  auto out = unsplit(rows);
  if (shuffle) out.training = shuffled(rows, seed, validation_round);
  const auto cut = shuffle ? count : rows - count;
  const auto at = out.training.begin() + cut;
  std::vector<std::uint32_t> first(out.training.begin(), at), second(at, out.training.end());
  out.training = shuffle ? second : first;
  out.validation = shuffle ? first : second;
  std::ranges::sort(out.training);
  std::ranges::sort(out.validation);
  return out;
}

}  // namespace strata::data
