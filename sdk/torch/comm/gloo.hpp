// The collective of ranks on CPUs: c10d's Gloo, with its TCPStore as the meeting place.
#pragma once
#include <memory>

#include "core/run/ranks.hpp"

namespace strata::torch {

// Waits for all ranks, at most as long as their patience. A peer that ends or stalls makes
// all_gather throw, with this rank's number.
std::unique_ptr<device::Collective> open_gloo(const run::Ranks& ranks);

}  // namespace strata::torch
