// The ABI's dtypes and devices as LibTorch's, and memory of others as tensors.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/core.h>

#include <cstddef>

namespace strata::torch {

// Refused: what LibTorch has no type for, by code and bits.
at::ScalarType scalar_type(strata_dtype dtype);
strata_dtype dtype_of(at::ScalarType type);
at::Device device_of(strata_device device);
strata_device device_of(const at::Device& device);

// A tensor of the host as one on `device`, in order with its current stream and without waiting for
// it; `host` itself on a CPU.
at::Tensor uploaded(const at::Tensor& host, const at::Device& device);

// A tensor over memory that stays its owner's: contiguous, on `device`.
at::Tensor borrowed(const std::byte* data, at::IntArrayRef shape, at::ScalarType type,
                    const at::Device& device);

}  // namespace strata::torch
