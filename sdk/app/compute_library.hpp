// The half of the program that does arithmetic, opened only to compute.
#pragma once
#include <memory>

#include "core/device/device.hpp"
#include "core/run/compute.hpp"
#include "core/run/group.hpp"
#include "core/train/state_kernels.hpp"
#include "core/train/trainer.hpp"

namespace strata::app {

// Opens libstrata-torch beside the program (../lib) for the rest of the process, and makes its
// Compute. Throws Error where it is missing or cannot be loaded.
std::unique_ptr<run::Compute> open_compute(const run::ComputeOptions& options);

// Makes its Trainer likewise.
std::unique_ptr<train::Trainer> open_trainer(const train::TrainerOptions& options);

// Opens libstrata-torch-cuda likewise, and makes a device of the GPU of that number with so many
// events.
std::unique_ptr<device::Device> open_cuda_device(uint32_t events, uint32_t gpu = 0);

// Makes the kernels of states on that GPU, with the trainer's stream.
std::unique_ptr<train::StateKernels> open_cuda_kernels(void* stream);

// Opens one of the two likewise, by the options' device, and joins the processes of a run; returns
// when all of them are there.
std::unique_ptr<run::Group> open_group(const run::GroupOptions& options);

}  // namespace strata::app
