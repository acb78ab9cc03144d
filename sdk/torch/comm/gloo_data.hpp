// The collective of ranks on CPUs.
#pragma once
#include <memory>

#include "torch/comm/joined.hpp"

namespace strata::torch {

// `joined` outlives it.
std::unique_ptr<device::Collective> open_gloo_data(const Joined& joined);

}  // namespace strata::torch
