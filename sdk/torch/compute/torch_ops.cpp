#include "torch/compute/torch_ops.hpp"

#include <array>

#include "torch/form.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

using plugin::Handle;

void TorchOps::run(const shape::Op& op, const shape::Args& args, std::span<Handle> out) {
  std::array<shape::Value, shape::most_results> shapes;
  op.shape(on_.scope(), args, std::span(shapes).first(out.size()));
  arithmetic_of(op)(on_, args, out);
}

Handle TorchOps::empty(strata_dtype dtype, std::span<const int64_t> shape) {
  return handle(at::empty(at::IntArrayRef(shape.data(), shape.size()),
                          at::TensorOptions().dtype(scalar_type(dtype)).device(on_.device)));
}

void* TorchOps::workspace(uint64_t bytes) {
  workspaces_.push_back(at::empty({static_cast<int64_t>(bytes)},
                                  at::TensorOptions().dtype(at::kByte).device(on_.device)));
  return workspaces_.back().data_ptr();
}

}  // namespace strata::torch
