// The collective of ranks on GPUs: NCCL.
#pragma once
#include <cstdint>
#include <memory>

#include "torch/comm/joined.hpp"

namespace strata::torch {

// [Note: NCCL's own interface]
// c10d's ProcessGroupNCCL enqueues on streams of its own: each call would order them with lane comm
// by two events, hold tensors of its allocator, and its threads end the process in their own way.
// NCCL's own interface enqueues on the stream that it is given, which is all that a lane needs. The
// group's watch does the rest. Nothing here sets one of NCCL's variables.
//
// [Note: NCCL's sums]
// NCCL adds along a ring or a tree that it chooses by the machines' topology and the bytes, and
// rounds bfloat16 at each step: the same bits in every run on the same machines, but not those of
// the order of the ranks. Two ranks have one order only.

// Opens the GPU `index`; returns when all ranks have done so. `joined` outlives it.
std::unique_ptr<device::Collective> open_nccl(const Joined& joined, uint32_t index);

}  // namespace strata::torch
