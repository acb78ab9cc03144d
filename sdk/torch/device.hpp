// Devices by their kind alone: CUDA's half of LibTorch is loaded when a place needs it.
#pragma once
#include <c10/core/Device.h>
#include <c10/core/Stream.h>
#include <strata/abi/core.h>

#include <optional>

namespace strata::torch {

// A place where units run.
struct Place {
  c10::Device device;
  std::optional<c10::Stream> stream;  // nothing on a CPU
};

// Opens a place; on a GPU with the calling thread's current stream, which it sets so that all
// places that the thread opens share it, and which becomes the thread's current GPU. Refuses CUDA
// where LibTorch has none or finds no such device.
Place open_place(strata_device device);

}  // namespace strata::torch
