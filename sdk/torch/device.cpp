#include "torch/device.hpp"

#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include "core/error.hpp"
#include "torch/form.hpp"
#include "torch/mode.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

// The thread's own stream. The default stream, which all threads share, would order this work with
// others'; a stream of the pool replaces it for this thread.
c10::Stream stream_of(const c10::impl::VirtualGuardImpl& guard, const at::Device& device) {
  const auto current = guard.getStream(device);
  if (current != guard.getDefaultStream(device)) return current;
  const auto own = guard.getStreamFromGlobalPool(device);
  guard.exchangeStream(own);
  return own;
}

}  // namespace

Place open_place(strata_device wanted) {
  const auto device = device_of(wanted);
  if (device.is_cpu()) return {device, std::nullopt};
  // It registers itself with libtorch_cpu and stays to the end of the program.
  if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL))
    throw Error("cuda", "LibTorch's half for CUDA does not load", "use --device cpu");
  return as_errors("cuda", [&]() -> Place {
    at::globalContext().lazyInitDevice(device.type());
    // cuDNN builds a plan for each number of keys, which changes with each token: 40 ms.
    at::globalContext().setSDPUseCuDNN(false);
    const c10::impl::VirtualGuardImpl guard(device.type());
    if (device.index() < 0 || device.index() >= guard.deviceCount())
      throw Error("cuda", "there is no device " + std::to_string(device.index()),
                  "use --device cpu");
    guard.setDevice(device);
    return {device, stream_of(guard, device)};
  });
}

}  // namespace strata::torch
