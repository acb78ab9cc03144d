#include "torch/form.hpp"

#include <string>

#include "core/error.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

struct Pair {
  uint8_t code, bits;
  at::ScalarType type;
};
constexpr Pair pairs[] = {
    {STRATA_FLOAT, 32, at::kFloat}, {STRATA_BFLOAT, 16, at::kBFloat16},
    {STRATA_FLOAT, 16, at::kHalf},  {STRATA_FLOAT, 64, at::kDouble},
    {STRATA_INT, 32, at::kInt},     {STRATA_INT, 64, at::kLong},
    {STRATA_UINT, 8, at::kByte},    {STRATA_INT, 8, at::kChar},
    {STRATA_INT, 16, at::kShort},   {STRATA_BOOL, 8, at::kBool},
};

}  // namespace

at::ScalarType scalar_type(strata_dtype dtype) {
  for (const auto& pair : pairs)
    if (pair.code == dtype.code && pair.bits == dtype.bits && dtype.lanes == 1) return pair.type;
  throw Error("compute",
              "no arithmetic for dtype code " + std::to_string(dtype.code) + " with " +
                  std::to_string(dtype.bits) + " bits",
              "use float32, bfloat16, float16 or float64");
}

strata_dtype dtype_of(at::ScalarType type) {
  for (const auto& pair : pairs)
    if (pair.type == type) return {pair.code, pair.bits, 1};
  throw Error("compute", std::string("no ABI dtype for ") + c10::toString(type),
              "use float32, bfloat16, float16 or float64");
}

at::Device device_of(strata_device device) {
  if (device.type == STRATA_CUDA)
    return {at::DeviceType::CUDA, static_cast<at::DeviceIndex>(device.id)};
  return {at::DeviceType::CPU};
}

strata_device device_of(const at::Device& device) {
  if (device.is_cuda()) return {STRATA_CUDA, device.index()};
  return {STRATA_CPU, 0};
}

at::Tensor uploaded(const at::Tensor& host, const at::Device& device) {
  // From pageable memory the copy would wait for all work queued before it.
  return device.is_cpu() ? host : host.pin_memory().to(device, true);
}

at::Tensor borrowed(const std::byte* data, at::IntArrayRef shape, at::ScalarType type,
                    const at::Device& device) {
  // LibTorch has no read-only tensor; borrowers of weights only read.
  // The device is given, so that LibTorch need not ask the driver for the owner of the memory.
  return at::for_blob(const_cast<std::byte*>(data), shape)
      .options(at::TensorOptions().dtype(type).device(device))
      .target_device(device)
      .make_tensor();
}

}  // namespace strata::torch
