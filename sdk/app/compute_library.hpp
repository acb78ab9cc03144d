// The half of the program that does arithmetic, opened only to compute.
#pragma once
#include <memory>

#include "core/device/device.hpp"
#include "core/run/compute.hpp"
#include "core/run/ranks.hpp"
#include "core/train/trainer.hpp"

namespace strata::app {

// Opens libstrata-torch beside the program (../lib) for the rest of the process, and makes its
// Compute. Throws Error where it is missing or cannot be loaded.
std::unique_ptr<run::Compute> open_compute(const run::ComputeOptions& options);

// Makes its Trainer likewise.
std::unique_ptr<train::Trainer> open_trainer(const train::TrainerOptions& options);

// Opens libstrata-torch-cuda likewise, and makes a device of the GPU with this number of events.
std::unique_ptr<device::Device> open_cuda_device(uint32_t events);

// Opens the collective that joins the processes of a run on CPUs; returns when all of them are
// there.
std::unique_ptr<device::Collective> open_collective(const run::Ranks& ranks);

}  // namespace strata::app
