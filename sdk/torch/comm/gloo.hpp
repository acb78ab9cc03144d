// Ranks on CPUs: c10d's Gloo, met through its TCPStore.
#pragma once
#include <memory>

#include "core/run/ranks.hpp"

namespace strata::torch {

// Waits for all ranks, no longer than their patience. A peer that ends or stalls makes all_gather
// throw, with this rank's number.
std::unique_ptr<zero::Collective> open_gloo(const run::Ranks& ranks);

}  // namespace strata::torch
