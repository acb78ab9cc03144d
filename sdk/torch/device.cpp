#include "torch/device.hpp"

#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include "core/error.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

Place open_place(strata_device wanted) {
  const auto device = device_of(wanted);
  if (device.is_cpu()) return {device, std::nullopt};
  // It registers itself with libtorch_cpu and stays to the end of the program.
  if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL))
    throw Error("cuda", "LibTorch's half for CUDA does not load", "use --device cpu");
  at::globalContext().lazyInitDevice(device.type());
  const c10::impl::VirtualGuardImpl guard(device.type());
  if (device.index() < 0 || device.index() >= guard.deviceCount())
    throw Error("cuda", "there is no device " + std::to_string(device.index()), "use --device cpu");
  return {device, guard.getStreamFromGlobalPool(device)};
}

}  // namespace strata::torch
