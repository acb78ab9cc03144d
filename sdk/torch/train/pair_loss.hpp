// The loss of a critic: rewards of a chosen sequence against those of a rejected one.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/train/trainer.hpp"

namespace strata::torch {

// The tokens of a micro-batch's P pairs whose rewards are needed, N compared ones of each side.
struct PairTokens {
  // [2N+2P]: the compared tokens of all chosen sequences, those of all rejected ones, and then the
  // last judged token of each chosen and of each rejected sequence. The first 2N differ.
  std::vector<int64_t> rows;
  std::vector<double> weights;  // [N]: 1 / the compared tokens of the pair
  int64_t pairs = 0;

  int64_t compared() const { return static_cast<int64_t>(weights.size()); }
};

PairTokens tokens_of(std::span<const train::ComparedPair> pairs);

struct PairLoss {
  at::Tensor sum;       // float64: over pairs, of the mean of -log sigmoid(chosen - rejected)
  at::Tensor gradient;  // [2N]: of the sum, in the dtype of the arithmetic
  at::Tensor right;     // int64: pairs whose chosen end has the higher reward
};

// The loss of rewards [2N+2P] in the order of the tokens' rows, computed in float32 or, of float64,
// in float64.
PairLoss pair_loss(const at::Tensor& rewards, const PairTokens& tokens);

}  // namespace strata::torch
