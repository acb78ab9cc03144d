// What is done to a row of logits before a token is chosen, as transformers' processors do it and
// in their order.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace strata::run {

struct Sampling {
  double temperature = 0;  // 0: no sampling; from here to typical_p nothing is used then
  uint32_t top_k = 0;      // 0: all
  double top_p = 1;
  double min_p = 0;      // of the likeliest token's probability
  double typical_p = 1;  // the tokens of the least surprising information that hold this
  double repetition_penalty = 1;
  uint32_t no_repeat_ngram = 0;           // 0: any may repeat
  std::vector<int32_t> suppress{};        // never
  std::vector<int32_t> suppress_first{};  // not as the first new token
  uint64_t seed = 0;
};

// Keeps its work space from call to call. One thread.
class LogitsProcess {
 public:
  explicit LogitsProcess(Sampling sampling) : sampling_(std::move(sampling)) {}

  const Sampling& sampling() const { return sampling_; }
  // The processed scores, valid until the next call; -infinity: never chosen. `seen`: the tokens so
  // far, of which the first `prompt` are the prompt's.
  std::span<const float> scores(std::span<const float> logits, std::span<const int32_t> seen,
                                std::size_t prompt);

 private:
  void penalise(std::span<const int32_t> seen);
  void ban_repeats(std::span<const int32_t> seen);
  void ban(std::span<const int32_t> ids);
  void heat();
  void keep_top_k();
  void keep_top_p();
  void keep_min_p();
  void keep_typical();
  // The ids that are left, the likeliest first, and their weights exp(score - largest).
  void rank();

  Sampling sampling_;
  std::vector<float> scores_;
  std::vector<int32_t> order_;
  std::vector<double> weights_;
};

}  // namespace strata::run
