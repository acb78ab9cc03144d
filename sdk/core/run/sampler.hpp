// The next token from a row of logits, on the host in float32.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/run/logits_process.hpp"

namespace strata::run {

// A number in [0, 1) that depends on seed, row and step alone (Philox 4x32-10), so that a row of a
// batch draws what it would draw alone. Source: Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3".
double uniform(uint64_t seed, uint64_t row, uint64_t step);

// Keeps its workspace from call to call. For one thread.
class Sampler {
 public:
  explicit Sampler(const Sampling& sampling) : process_(sampling) {}

  // Returns the next token. `seen`: the sequence's tokens so far, of which the first `prompt` are
  // the prompt's. Without a temperature it is the token with the largest score, the first of
  // equals.
  int32_t next(std::span<const float> logits, std::span<const int32_t> seen, std::size_t prompt,
               uint64_t row, uint64_t step);

 private:
  LogitsProcess process_;
  std::vector<double> weights_;
  std::vector<int32_t> order_;
};

}  // namespace strata::run
