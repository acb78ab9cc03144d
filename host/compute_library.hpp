// The half that does arithmetic, opened only to compute.
#pragma once
#include <memory>

#include "core/run/compute.hpp"

namespace strata::host {

// Opens libstrata-torch beside the program (../lib) for the rest of the process, and makes its
// Compute. Throws Error where it is missing or cannot be loaded.
std::unique_ptr<run::Compute> open_compute(const run::ComputeOptions& options);

}  // namespace strata::host
