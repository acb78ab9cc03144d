// The processing of a row of logits before a token is chosen, as transformers' logits processors do
// it and in their order.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace strata::run {

// A number that is added to the score of the last of these tokens where the others come before it.
struct Bias {
  std::vector<int32_t> ids;
  float value;
};

struct Sampling {
  double temperature = 0;  // 0: no sampling, and the fields to eta_cutoff are not used
  double top_h = 0;        // a fraction of the entropy of the likeliest 100; 0: all
  uint32_t top_k = 0;      // 0: all
  double top_p = 1;
  double min_p = 0;           // a fraction of the likeliest token's probability
  double typical_p = 1;       // the probability that the most typical tokens hold together
  double epsilon_cutoff = 0;  // the least probability of a token; 0: all
  double eta_cutoff = 0;      // the same where the entropy is low, less where it is high
  double repetition_penalty = 1;
  uint32_t no_repeat_ngram = 0;           // 0: any may repeat
  std::vector<int32_t> suppress{};        // tokens never chosen
  std::vector<int32_t> suppress_first{};  // tokens never chosen as the first new one
  std::vector<Bias> biases{};
  std::vector<std::vector<int32_t>> bad_words{};
  std::vector<int32_t> ends{};  // tokens that end a text
  uint32_t min_length = 0;      // no end before the prompt and the new tokens are so many
  uint32_t min_new_tokens = 0;
  int32_t forced_first = -1;           // behind a prompt of one token; -1: none
  std::vector<int32_t> forced_last{};  // one of these as the last of new_tokens
  int64_t new_tokens = 0;
  bool mend_invalid = false;  // NaN and infinities become finite
  int64_t decay_start = 0;    // after so many new tokens, end tokens get likelier
  double decay_factor = 1;    // by this factor a token
  uint64_t seed = 0;
};

// Keeps its workspace from call to call. For one thread.
class LogitsProcess {
 public:
  explicit LogitsProcess(Sampling sampling) : sampling_(std::move(sampling)) {}

  const Sampling& sampling() const { return sampling_; }
  // The processed scores, valid until the next call; -infinity: never chosen. `seen`: the tokens so
  // far, of which the first `prompt` are the prompt's.
  std::span<const float> scores(std::span<const float> logits, std::span<const int32_t> seen,
                                std::size_t prompt);

 private:
  // Whether the last of `ids` would complete `ids` after the tokens seen.
  bool completes(std::span<const int32_t> ids, std::span<const int32_t> seen) const;
  void add_biases(std::span<const int32_t> seen);
  void ban_words(std::span<const int32_t> seen);
  void force(std::span<const int32_t> ids);
  void mend();
  void decay(std::size_t made);
  void penalize(std::span<const int32_t> seen);
  void ban_repeats(std::span<const int32_t> seen);
  void ban(std::span<const int32_t> ids);
  void heat();
  // The filters for drawing; see logits_filters.cpp.
  void keep_top_h();
  void keep_top_k();
  void keep_top_p();
  void keep_min_p();
  void keep_typical();
  void keep_above(double least);
  double entropy();  // after rank()
  // Ranks the ids that are left, the likeliest first, with their weights exp(score - largest).
  void rank();

  Sampling sampling_;
  std::vector<float> scores_;
  std::vector<int32_t> order_;
  std::vector<double> weights_;
};

}  // namespace strata::run
