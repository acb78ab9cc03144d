// The next token from a row of logits, on the host in float32.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace strata::run {

struct Sampling {
  double temperature = 0;  // 0: the largest logit, the first of equal ones
  uint32_t top_k = 0;      // 0: all
  double top_p = 1;
  double repetition_penalty = 1;
  uint64_t seed = 0;
};

// A number in [0, 1) that depends on seed, row and step alone (Philox 4x32-10), so that a row of a
// batch draws what it would draw alone. Source: Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3".
double uniform(uint64_t seed, uint64_t row, uint64_t step);

// Keeps its work space from call to call. One thread.
class Sampler {
 public:
  explicit Sampler(const Sampling& sampling) : sampling_(sampling) {}

  // `seen`: the sequence's tokens so far, prompt included, for the penalty. The order of the
  // filters is transformers': penalty, temperature, top-k, top-p.
  int32_t next(std::span<const float> logits, std::span<const int32_t> seen, uint64_t row,
               uint64_t step);

 private:
  struct Candidate {
    float logit;
    int32_t id;
  };

  void penalise(std::span<const int32_t> seen);
  std::size_t keep_top_k();
  std::size_t keep_top_p(std::size_t count);

  Sampling sampling_;
  std::vector<float> scores_;
  std::vector<Candidate> candidates_;
  std::vector<double> weights_;
};

}  // namespace strata::run
