// The filters for drawing a token. Each keeps some of the scores and sets the others to -infinity.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/run/logits_process.hpp"

namespace strata::run {
namespace {

constexpr float never = -std::numeric_limits<float>::infinity();

}  // namespace

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

// Keeps the k largest scores, and those equal to the last of them.
void LogitsProcess::keep_top_k() {
  if (sampling_.top_k >= scores_.size()) return;
  auto sorted = scores_;
  const auto kth = sorted.begin() + (sampling_.top_k - 1);
  std::nth_element(sorted.begin(), kth, sorted.end(), std::greater{});
  for (auto& score : scores_)
    if (score < *kth) score = never;
}

// Keeps the fewest tokens whose probabilities together reach top_p.
void LogitsProcess::keep_top_p() {
  rank();
  const auto sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  double held = 0;
  for (std::size_t i = 0; i < order_.size(); held += weights_[i++])
    if (i > 0 && held >= sampling_.top_p * sum) ban(std::span(order_).subspan(i, 1));
}

// Keeps the tokens with at least min_p times the largest probability.
void LogitsProcess::keep_min_p() {
  const double largest = *std::ranges::max_element(scores_);
  for (auto& score : scores_)
    if (std::exp(static_cast<double>(score) - largest) < sampling_.min_p && score != largest)
      score = never;
}

// Keeps the fewest tokens whose information is nearest to the entropy and that together reach
// typical_p, and those as near as the last of them.
void LogitsProcess::keep_typical() {
  rank();
  const auto sum = std::accumulate(weights_.begin(), weights_.end(), 0.0), middle = entropy();
  std::vector<std::pair<double, std::size_t>> distances;
  for (std::size_t i = 0; i < order_.size(); ++i)
    distances.emplace_back(std::abs(-std::log(weights_[i] / sum) - middle), i);
  std::ranges::sort(distances);
  double held = 0;
  std::size_t last = 0;
  for (; last + 1 < distances.size(); ++last)
    if ((held += weights_[distances[last].second]) >= sampling_.typical_p * sum) break;
  for (auto i = last + 1; i < distances.size(); ++i)
    if (distances[i].first > distances[last].first)
      ban(std::span(order_).subspan(distances[i].second, 1));
}

double LogitsProcess::entropy() {
  const auto sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  double out = 0;
  for (const auto weight : weights_) out -= weight > 0 ? weight / sum * std::log(weight / sum) : 0;
  return out;
}

// Keeps the first of the 100 likeliest tokens, as long as their terms of the entropy of the 100 sum
// to at most top_h of it.
void LogitsProcess::keep_top_h() {
  constexpr std::size_t most = 100;
  rank();
  const auto cut = std::min(most, weights_.size());
  ban(std::span(order_).subspan(cut));
  weights_.resize(cut);
  const auto limit = entropy() * sampling_.top_h;
  const auto sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  double held = 0;
  for (std::size_t i = 0; i < cut; ++i) {
    held -= weights_[i] > 0 ? weights_[i] / sum * std::log(weights_[i] / sum) : 0;
    if (i > 0 && held > limit) ban(std::span(order_).subspan(i, 1));
  }
}

// Keeps the tokens with at least this probability, and the likeliest.
void LogitsProcess::keep_above(double least) {
  rank();
  const auto sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  const auto largest = *std::ranges::max_element(scores_);
  for (std::size_t i = 0; i < order_.size(); ++i)
    if (weights_[i] < least * sum && scores_[static_cast<std::size_t>(order_[i])] != largest)
      ban(std::span(order_).subspan(i, 1));
}

}  // namespace strata::run
