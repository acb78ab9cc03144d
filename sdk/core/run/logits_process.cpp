#include "core/run/logits_process.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace strata::run {
namespace {

constexpr float never = -std::numeric_limits<float>::infinity();

}  // namespace

std::span<const float> LogitsProcess::scores(std::span<const float> logits,
                                             std::span<const int32_t> seen, std::size_t prompt) {
  const auto& own = sampling_;
  const auto made = seen.size() - prompt;
  scores_.assign(logits.begin(), logits.end());
  if (!own.biases.empty()) add_biases(seen);
  if (own.repetition_penalty != 1) penalize(seen);
  if (own.no_repeat_ngram > 0) ban_repeats(seen);
  ban_words(seen);
  if (seen.size() < own.min_length || made < own.min_new_tokens) ban(own.ends);
  const bool bos = own.forced_first >= 0;
  if (bos && seen.size() == 1) force(std::span(&own.forced_first, 1));
  if (static_cast<int64_t>(made) + 1 == own.new_tokens && !own.forced_last.empty())
    force(own.forced_last);
  if (own.mend_invalid) mend();
  if (own.decay_factor != 1) decay(made);
  ban(own.suppress);
  if (made == (bos && prompt <= 1 ? 1U : 0U)) ban(own.suppress_first);
  if (own.temperature <= 0) return scores_;
  heat();
  if (own.top_h > 0) keep_top_h();
  if (own.top_k > 0) keep_top_k();
  if (own.top_p < 1) keep_top_p();
  if (own.min_p > 0) keep_min_p();
  if (own.typical_p < 1) keep_typical();
  if (own.epsilon_cutoff > 0) keep_above(own.epsilon_cutoff);
  if (own.eta_cutoff > 0) {
    rank();
    keep_above(std::min(own.eta_cutoff, std::sqrt(own.eta_cutoff) * std::exp(-entropy())));
  }
  return scores_;
}

// True for a single token, and for several where the last tokens seen are all but the last of them.
bool LogitsProcess::completes(std::span<const int32_t> ids, std::span<const int32_t> seen) const {
  const auto before = ids.first(ids.size() - 1);
  return static_cast<std::size_t>(ids.back()) < scores_.size() && before.size() <= seen.size() &&
         std::ranges::equal(seen.last(before.size()), before);
}

void LogitsProcess::add_biases(std::span<const int32_t> seen) {
  std::vector<float> sums(scores_.size());
  for (const auto& [ids, value] : sampling_.biases)
    if (completes(ids, seen)) sums[static_cast<std::size_t>(ids.back())] += value;
  for (std::size_t i = 0; i < sums.size(); ++i) scores_[i] += sums[i];
}

// Bans each token that would complete a bad word. An end token alone is never a bad word.
void LogitsProcess::ban_words(std::span<const int32_t> seen) {
  for (const auto& word : sampling_.bad_words) {
    const bool end =
        word.size() == 1 && std::ranges::find(sampling_.ends, word[0]) != sampling_.ends.end();
    if (!end && completes(word, seen)) ban(std::span(word).last(1));
  }
}

void LogitsProcess::force(std::span<const int32_t> ids) {
  std::ranges::fill(scores_, never);
  for (const auto id : ids)
    if (static_cast<std::size_t>(id) < scores_.size()) scores_[static_cast<std::size_t>(id)] = 0;
}

void LogitsProcess::mend() {
  constexpr auto most = std::numeric_limits<float>::max();
  for (auto& score : scores_) score = std::isnan(score) ? 0 : std::clamp(score, -most, most);
}

void LogitsProcess::decay(std::size_t made) {
  const auto past = static_cast<int64_t>(made) - sampling_.decay_start;
  if (past <= 0) return;
  const auto factor =
      static_cast<float>(std::pow(sampling_.decay_factor, static_cast<double>(past)) - 1);
  for (const auto id : sampling_.ends) {
    const auto at = static_cast<std::size_t>(id);
    if (id >= 0 && at < scores_.size() && scores_[at] != never)
      scores_[at] += std::abs(scores_[at]) * factor;
  }
}

// Penalizes each token seen so far, once: divides a positive logit, multiplies a negative one.
void LogitsProcess::penalize(std::span<const int32_t> seen) {
  std::vector<int32_t> once(seen.begin(), seen.end());
  std::ranges::sort(once);
  once.erase(std::unique(once.begin(), once.end()), once.end());
  const auto penalty = static_cast<float>(sampling_.repetition_penalty);
  for (const auto id : once) {
    auto& score = scores_[static_cast<std::size_t>(id)];
    score = score < 0 ? score * penalty : score / penalty;
  }
}

// Bans every token that followed an earlier occurrence of the last n - 1 tokens.
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

}  // namespace strata::run
