// The random numbers of dropout, each made from what it belongs to.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace strata::torch {

// [Note: draws]
// A number is a hash of (seed, step, row in the data, position, unit, op, column). So a token's
// dropout depends neither on the tokens beside it, nor on the number of micro-batches, threads or
// devices, and a unit that is run again draws the same.
class Draws {
 public:
  // `rows` and `positions` of each token of the micro-batch.
  void begin(uint64_t seed, uint64_t step, std::span<const uint64_t> rows,
             std::span<const int64_t> positions);
  // Draws for these tokens of the micro-batch from now on, until `all`.
  void choose(std::span<const int64_t> tokens);
  void all();

  // The op that draws.
  struct Source {
    uint32_t unit;
    uint64_t op;  // of those that draw in the unit
  };
  // Which elements of x [T,width] are kept, each with probability 1 - p: bool on `device`.
  at::Tensor kept(Source source, double p, int64_t width, const at::Device& device) const;
  // The same for probabilities [H,n,L] of the n tokens from `first` on, over keys counted from the
  // first one of their sequence.
  struct Pairs {
    int64_t first, tokens, heads, keys;
  };
  at::Tensor kept_pairs(Source source, double p, const Pairs& pairs,
                        const at::Device& device) const;
  // A seed for kernels that draw by themselves.
  uint64_t seed(Source source) const;

 private:
  const std::vector<uint64_t>& tokens() const { return chosen_.empty() ? all_ : chosen_; }
  std::vector<int64_t> keys(Source source, std::size_t first, std::size_t count) const;

  uint64_t step_ = 0;
  std::vector<uint64_t> all_, chosen_;  // a hash for each token
};

// Zero where x is not kept, else x / (1 - p).
at::Tensor dropped(const at::Tensor& x, const at::Tensor& kept, double p);

// Whether the hash of each key + column is kept; int64 keys and columns are broadcast. Made of
// LibTorch's ops, for any device.
at::Tensor kept_by_ops(const at::Tensor& keys, const at::Tensor& columns, double p);
// The same for keys [T] and columns [0,width) on the CPU, in one loop: [T,width].
at::Tensor kept_by_loop(const std::vector<int64_t>& keys, int64_t width, double p);

}  // namespace strata::torch
