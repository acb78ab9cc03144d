// Stored form to run form.
#pragma once
#include <ATen/core/Tensor.h>

#include "core/run/compute.hpp"

namespace strata::torch {

// What expanding needs to know besides the weight.
struct Expansion {
  const std::function<run::Codec(const std::string&)>* codec;
  strata_call* call;  // for codecs
  at::ScalarType dtype;
  at::Device device;
};

// The weight at `stored` as `shape` (the op's; rows [T,D] for gathered ones) into `run`: cast,
// unpacked by its codec, rows of rotated heads back in their order, [in,out] turned. `run` does not
// overlap `stored`.
void expand(const zero::Weight& weight, at::IntArrayRef shape, const std::byte* stored,
            std::byte* run, const Expansion& how);

}  // namespace strata::torch
