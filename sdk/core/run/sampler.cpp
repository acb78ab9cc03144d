#include "core/run/sampler.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace strata::run {

double uniform(uint64_t seed, uint64_t row, uint64_t step) {
  constexpr uint32_t multiply0 = 0xD2511F53, multiply1 = 0xCD9E8D57, weyl0 = 0x9E3779B9,
                     weyl1 = 0xBB67AE85;
  std::array<uint32_t, 4> c{static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32),
                            static_cast<uint32_t>(row), static_cast<uint32_t>(row >> 32)};
  auto k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round, k0 += weyl0, k1 += weyl1) {
    const uint64_t a = uint64_t{multiply0} * c[0], b = uint64_t{multiply1} * c[2];
    c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(b),
         static_cast<uint32_t>(a >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(a)};
  }
  const uint64_t bits = (uint64_t{c[0]} << 32 | c[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

int32_t Sampler::next(std::span<const float> logits, std::span<const int32_t> seen,
                      std::size_t prompt, uint64_t row, uint64_t step) {
  const auto scores = process_.scores(logits, seen, prompt);
  const auto largest = std::ranges::max_element(scores);
  if (process_.sampling().temperature <= 0) return static_cast<int32_t>(largest - scores.begin());
  order_.clear();
  for (std::size_t id = 0; id < scores.size(); ++id)
    if (std::isfinite(scores[id])) order_.push_back(static_cast<int32_t>(id));
  std::ranges::stable_sort(order_, [&](int32_t a, int32_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  if (order_.empty()) return static_cast<int32_t>(largest - scores.begin());
  weights_.clear();
  for (const auto id : order_)
    weights_.push_back(
        std::exp(static_cast<double>(scores[static_cast<std::size_t>(id)]) - *largest));
  double draw = uniform(process_.sampling().seed, row, step) *
                std::accumulate(weights_.begin(), weights_.end(), 0.0);
  for (std::size_t i = 0; i + 1 < order_.size(); ++i)
    if ((draw -= weights_[i]) < 0) return order_[i];
  return order_.back();
}

}  // namespace strata::run
