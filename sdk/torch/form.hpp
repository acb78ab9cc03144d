// Conversions of the ABI's dtypes and devices to LibTorch's, and tensors over borrowed memory.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/core.h>

#include <cstddef>

namespace strata::torch {

// Refuses a dtype that LibTorch does not have, by code and bits.
at::ScalarType scalar_type(strata_dtype dtype);
strata_dtype dtype_of(at::ScalarType type);
at::Device device_of(strata_device device);
strata_device device_of(const at::Device& device);

// Copies a tensor of the host to `device`, in order with its current stream and without waiting for
// it; returns `host` itself on a CPU.
at::Tensor uploaded(const at::Tensor& host, const at::Device& device);

// A contiguous tensor on `device` over memory that stays its owner's.
at::Tensor borrowed(const std::byte* data, at::IntArrayRef shape, at::ScalarType type,
                    const at::Device& device);

}  // namespace strata::torch
