// Attention over packed tokens, step by step, for the named ops of attention backends. Dims: T
// tokens, S sequences, Q the most tokens of one, L the most keys of one, H heads, K kv heads, E a
// head's dimensions.
#pragma once
#include <ATen/core/Tensor.h>

#include "torch/attributes.hpp"
#include "torch/draws.hpp"
#include "torch/pass.hpp"

namespace strata::torch {

// x [T,...] -> [S,Q,...], with zeros beyond a sequence's tokens. A view where S is 1.
at::Tensor pad(const at::Tensor& x, const Ragged& ragged);
// x [S,Q,...] -> [T,...]
at::Tensor unpad(const at::Tensor& x, const Ragged& ragged);

// Keys or values by sequence: [S,L,K,E] from a cache [blocks,block,K,E] with its table [S,n], or
// from x [T,K,E] where the table is undefined. A view where the sequences are equally far apart in
// the cache. The elements beyond a sequence's keys are any finite numbers.
at::Tensor keys(const at::Tensor& cache, const at::Tensor& table, const Ragged& ragged);
// The keys or values of one sequence: [keys,K,E].
at::Tensor keys_of(std::size_t sequence, const at::Tensor& cache, const at::Tensor& table,
                   const Ragged& ragged);

// The mask that is added to the scores, float32 [S, 1 or H, Q, L]: 0 where a token sees the key,
// else -inf; with slopes [H], their product with the key's distance behind the token. Rows beyond a
// sequence's tokens see the same keys as its last token.
at::Tensor mask(const Ragged& ragged, const Attributes& a, const at::Tensor& slopes,
                const at::Device& device);
// True where a token of the sequence sees the key: [count, keys].
at::Tensor visible(const Ragged::Sequence& s, const Attributes& a, const at::Device& device);

// q [S,Q,H,E], k [S,L,K,E] -> scale * q k^T, [S,H,Q,L]; each key head serves H/K heads.
at::Tensor scores(const at::Tensor& q, const at::Tensor& k, double scale);
// Probabilities in the dtype of the scores, computed from scores plus mask in at least float32.
// Sinks [H] take part in the softmax and are dropped from the result.
at::Tensor masked_softmax(const at::Tensor& scores, const at::Tensor& mask,
                          const at::Tensor& sinks);
// p [S,H,Q,L], v [S,L,K,E] -> [S,Q,H*E]
at::Tensor weighted_sum(const at::Tensor& p, const at::Tensor& v);

// The random draws of an attention's dropout.
struct Dropping {
  const Draws& draws;
  Draws::Source source;
};

// The whole attention by LibTorch's fused kernels, one sequence after the other, so that it needs
// no padding and computes a sequence as if it were alone: q [T,H,E] -> [T,H*Ev]. Slopes [H] are as
// in mask, or undefined. With dropout, which is drawn by `dropping`, it goes step by step, since
// the fused kernels draw from a generator of their own.
at::Tensor scaled_dot_product(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const at::Tensor& table, const at::Tensor& slopes,
                              const Ragged& ragged, const Attributes& a, Pass::OnDevice* kept,
                              const Dropping* dropping = nullptr);

// Makes Ragged from the host op's tensors: starts [S+1], lengths [S] or undefined, table [S,n] or
// undefined, of blocks of `block` tokens. Waits for the device.
Ragged ragged_of(const at::Tensor& starts, const at::Tensor& lengths, const at::Tensor& table,
                 int64_t block);

}  // namespace strata::torch
