#include "torch/tensor.hpp"

#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

strata_view TorchTensor::view() {
  // The ABI has one pointer type for shapes; they are read only.
  return {.data = value.data_ptr(),
          .device = device_of(value.device()),
          .ndim = static_cast<int32_t>(value.dim()),
          .dtype = dtype_of(value.scalar_type()),
          .shape = const_cast<int64_t*>(value.sizes().data()),
          .strides = const_cast<int64_t*>(value.strides().data()),
          .byte_offset = 0};
}

}  // namespace strata::torch
