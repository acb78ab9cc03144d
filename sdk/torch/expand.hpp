// Expansion of weights from their stored form to their run form.
#pragma once
#include <ATen/core/Tensor.h>

#include "core/run/compute.hpp"

namespace strata::torch {

// The parameters of expanding besides the weight.
struct Expansion {
  const run::FindCodec* codec;
  strata_call* call;  // for codecs
  at::Device device;
};

// Expands the weight at `stored` as `shape` (the op's; rows [T,D] for gathered ones) into `run`:
// casts it, unpacks it by its codec, repacks it or leaves it in its codec's form, and takes the
// steps of its source. `run` does not overlap `stored`. What the weight's plugin does on the host
// alone is done there, and waited for.
void expand(const zero::Weight& weight, at::IntArrayRef shape, const std::byte* stored,
            std::byte* run, const Expansion& how);

}  // namespace strata::torch
