// Devices by their kind alone: CUDA's half of LibTorch is loaded when a place asks for it.
#pragma once
#include "torch/compute.hpp"

namespace strata::torch {

// On a GPU with the calling thread's current stream, which is set so that all places that the
// thread opens share it. Refused: CUDA where LibTorch has none or finds no such device.
Place open_place(strata_device device);

}  // namespace strata::torch
