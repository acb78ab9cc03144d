// Attention over packed tokens, step by step: what the named ops for attention backends compute.
// Dims: T tokens, S sequences, Q most tokens of one, L most keys of one, H heads, K kv heads, E
// head.
#pragma once
#include <ATen/core/Tensor.h>

#include "torch/ops/attributes.hpp"
#include "torch/pass.hpp"

namespace strata::torch {

// x [T,...] -> [S,Q,...]; what is beyond a sequence's tokens is zero. A view where S is 1.
at::Tensor pad(const at::Tensor& x, const Ragged& ragged);
// x [S,Q,...] -> [T,...]
at::Tensor unpad(const at::Tensor& x, const Ragged& ragged);

// Keys or values by sequence: [S,L,K,E] from a cache [blocks,block,K,E] with its table [S,n], or
// from x [T,K,E] where the table is undefined. A view where the sequences are equally far apart in
// the cache. Beyond a sequence's keys lies anything finite.
at::Tensor keys(const at::Tensor& cache, const at::Tensor& table, const Ragged& ragged);
// Those of one sequence: [keys,K,E].
at::Tensor keys_of(std::size_t sequence, const at::Tensor& cache, const at::Tensor& table,
                   const Ragged& ragged);

// What is added to the scores, float32 [S, 1 or H, Q, L]: 0 where a token sees the key, else -inf;
// with slopes [H], their product with how far the key is behind. Rows beyond a sequence's tokens
// see what its last token sees.
at::Tensor mask(const Ragged& ragged, const Attributes& a, const at::Tensor& slopes,
                const at::Device& device);
// True where a token of the sequence sees the key: [count, keys].
at::Tensor visible(const Ragged::Sequence& s, const Attributes& a, const at::Device& device);

// q [S,Q,H,E], k [S,L,K,E] -> scale * q k^T, [S,H,Q,L]; each key head serves H/K heads.
at::Tensor scores(const at::Tensor& q, const at::Tensor& k, double scale);
// Probabilities in the dtype of the scores, of the scores and the mask in at least float32. Sinks
// [H] take part and get nothing.
at::Tensor masked_softmax(const at::Tensor& scores, const at::Tensor& mask,
                          const at::Tensor& sinks);
// p [S,H,Q,L], v [S,L,K,E] -> [S,Q,H*E]
at::Tensor weighted_sum(const at::Tensor& p, const at::Tensor& v);

// All of it by LibTorch's fused kernels, one sequence after the other, so that nothing is padded
// and a sequence is computed as if it were alone: q [T,H,E] -> [T,H*Ev]. Slopes [H] as in mask, or
// undefined.
at::Tensor scaled_dot_product(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const at::Tensor& table, const at::Tensor& slopes,
                              const Ragged& ragged, const Attributes& a, Pass::OnDevice* kept);

// Ragged as tensors of the host tell: starts [S+1], lengths [S] or undefined, table [S,n] or
// undefined, of blocks of `block` tokens. Waits for the device.
Ragged ragged_of(const at::Tensor& starts, const at::Tensor& lengths, const at::Tensor& table,
                 int64_t block);

}  // namespace strata::torch
