#include "core/run/logits_process.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace strata::run {
namespace {

constexpr float never = -std::numeric_limits<float>::infinity();

}  // namespace

std::span<const float> LogitsProcess::scores(std::span<const float> logits,
                                             std::span<const int32_t> seen, std::size_t prompt) {
  scores_.assign(logits.begin(), logits.end());
  if (sampling_.repetition_penalty != 1) penalise(seen);
  if (sampling_.no_repeat_ngram > 0) ban_repeats(seen);
  ban(sampling_.suppress);
  if (seen.size() == prompt) ban(sampling_.suppress_first);
  if (sampling_.temperature <= 0) return scores_;
  heat();
  if (sampling_.top_k > 0) keep_top_k();
  if (sampling_.top_p < 1) keep_top_p();
  if (sampling_.min_p > 0) keep_min_p();
  if (sampling_.typical_p < 1) keep_typical();
  return scores_;
}

// Each token that was there once: a positive logit is divided, a negative one multiplied.
void LogitsProcess::penalise(std::span<const int32_t> seen) {
  std::vector<int32_t> once(seen.begin(), seen.end());
  std::ranges::sort(once);
  once.erase(std::unique(once.begin(), once.end()), once.end());
  const auto penalty = static_cast<float>(sampling_.repetition_penalty);
  for (const auto id : once) {
    auto& score = scores_[static_cast<std::size_t>(id)];
    score = score < 0 ? score * penalty : score / penalty;
  }
}

// What followed each earlier occurrence of the last n - 1 tokens.
void LogitsProcess::ban_repeats(std::span<const int32_t> seen) {
  const std::size_t n = sampling_.no_repeat_ngram;
  if (seen.size() + 1 < n) return;
  const auto last = seen.last(n - 1);
  for (std::size_t at = 0; at + n <= seen.size(); ++at)
    if (std::ranges::equal(seen.subspan(at, n - 1), last)) ban(seen.subspan(at + n - 1, 1));
}

void LogitsProcess::ban(std::span<const int32_t> ids) {
  for (const auto id : ids)
    if (id >= 0 && static_cast<std::size_t>(id) < scores_.size())
      scores_[static_cast<std::size_t>(id)] = never;
}

void LogitsProcess::heat() {
  const auto temperature = static_cast<float>(sampling_.temperature);
  if (temperature == 1) return;
  for (auto& score : scores_) score /= temperature;
}

void LogitsProcess::rank() {
  order_.clear();
  for (std::size_t id = 0; id < scores_.size(); ++id)
    if (scores_[id] != never) order_.push_back(static_cast<int32_t>(id));
  std::ranges::stable_sort(order_, [&](int32_t a, int32_t b) {
    return scores_[static_cast<std::size_t>(a)] > scores_[static_cast<std::size_t>(b)];
  });
  weights_.clear();
  for (const auto id : order_)
    weights_.push_back(std::exp(static_cast<double>(scores_[static_cast<std::size_t>(id)]) -
                                scores_[static_cast<std::size_t>(order_.front())]));
}

// The k largest, ties of the last one included.
void LogitsProcess::keep_top_k() {
  if (sampling_.top_k >= scores_.size()) return;
  auto sorted = scores_;
  const auto kth = sorted.begin() + (sampling_.top_k - 1);
  std::nth_element(sorted.begin(), kth, sorted.end(), std::greater{});
  for (auto& score : scores_)
    if (score < *kth) score = never;
}

// The fewest whose probabilities together reach top_p.
void LogitsProcess::keep_top_p() {
  rank();
  const auto sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  double held = 0;
  for (std::size_t i = 0; i < order_.size(); held += weights_[i++])
    if (i > 0 && held >= sampling_.top_p * sum) ban(std::span(order_).subspan(i, 1));
}

// Those with at least this part of the largest probability.
void LogitsProcess::keep_min_p() {
  const double largest = *std::ranges::max_element(scores_);
  for (auto& score : scores_)
    if (std::exp(static_cast<double>(score) - largest) < sampling_.min_p && score != largest)
      score = never;
}

// The fewest whose information is nearest to the entropy and that together reach typical_p, with
// those as near as the last of them.
void LogitsProcess::keep_typical() {
  rank();
  const auto sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  double entropy = 0;
  for (const auto weight : weights_)
    entropy -= weight > 0 ? weight / sum * std::log(weight / sum) : 0;
  std::vector<std::pair<double, std::size_t>> distances;
  for (std::size_t i = 0; i < order_.size(); ++i)
    distances.emplace_back(std::abs(-std::log(weights_[i] / sum) - entropy), i);
  std::ranges::sort(distances);
  double held = 0;
  std::size_t last = 0;
  for (; last + 1 < distances.size(); ++last)
    if ((held += weights_[distances[last].second]) >= sampling_.typical_p * sum) break;
  for (auto i = last + 1; i < distances.size(); ++i)
    if (distances[i].first > distances[last].first)
      ban(std::span(order_).subspan(distances[i].second, 1));
}

}  // namespace strata::run
