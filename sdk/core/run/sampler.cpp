#include "core/run/sampler.hpp"

#include <algorithm>
#include <array>
#include <cmath>

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

int32_t Sampler::next(std::span<const float> logits, std::span<const int32_t> seen, uint64_t row,
                      uint64_t step) {
  scores_.assign(logits.begin(), logits.end());
  penalise(seen);
  if (sampling_.temperature <= 0)
    return static_cast<int32_t>(std::ranges::max_element(scores_) - scores_.begin());
  for (auto& score : scores_) score = static_cast<float>(score / sampling_.temperature);
  const auto count = keep_top_p(keep_top_k());
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += weights_[i];
  double draw = uniform(sampling_.seed, row, step) * sum;
  for (std::size_t i = 0; i + 1 < count; ++i)
    if ((draw -= weights_[i]) < 0) return candidates_[i].id;
  return candidates_[count - 1].id;
}

// Each token that was there once: a positive logit is divided, a negative one multiplied.
void Sampler::penalise(std::span<const int32_t> seen) {
  if (sampling_.repetition_penalty == 1) return;
  std::vector<int32_t> once(seen.begin(), seen.end());
  std::ranges::sort(once);
  once.erase(std::unique(once.begin(), once.end()), once.end());
  const auto penalty = static_cast<float>(sampling_.repetition_penalty);
  for (const auto id : once) {
    auto& score = scores_[static_cast<std::size_t>(id)];
    score = score > 0 ? score / penalty : score * penalty;
  }
}

// The k largest, ties of the last one included as transformers does, in falling order.
std::size_t Sampler::keep_top_k() {
  candidates_.clear();
  for (std::size_t id = 0; id < scores_.size(); ++id)
    candidates_.push_back({scores_[id], static_cast<int32_t>(id)});
  std::ranges::stable_sort(
      candidates_, [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  if (sampling_.top_k == 0 || sampling_.top_k >= candidates_.size()) return candidates_.size();
  std::size_t count = sampling_.top_k;
  while (count < candidates_.size() && candidates_[count].logit == candidates_[count - 1].logit)
    ++count;
  return count;
}

// The fewest whose probabilities together reach top_p. Fills the weights of those.
std::size_t Sampler::keep_top_p(std::size_t count) {
  weights_.resize(count);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i)
    sum += weights_[i] = std::exp(static_cast<double>(candidates_[i].logit) - candidates_[0].logit);
  if (sampling_.top_p >= 1) return count;
  double held = 0;
  for (std::size_t i = 0; i < count; ++i)
    if ((held += weights_[i]) >= sampling_.top_p * sum) return i + 1;
  return count;
}

}  // namespace strata::run
