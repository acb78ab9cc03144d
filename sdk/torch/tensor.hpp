// A tensor behind the ABI's handle.
#pragma once
#include <ATen/core/Tensor.h>

#include "core/plugin/ops.hpp"

namespace strata::torch {

struct TorchTensor final : strata_tensor {
  explicit TorchTensor(at::Tensor tensor) : value(std::move(tensor)) {}
  strata_view view() override;
  void drop() noexcept override { value.reset(); }

  at::Tensor value;
};

// The value of a tensor; every tensor of a call that computes is of this type.
inline at::Tensor& value_of(strata_tensor& tensor) {
  return static_cast<TorchTensor&>(tensor).value;
}
inline plugin::Handle handle(at::Tensor tensor) {
  return plugin::Handle(new TorchTensor(std::move(tensor)));
}

}  // namespace strata::torch
