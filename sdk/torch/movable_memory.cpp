#include "torch/movable_memory.hpp"

#include "torch/pch.hpp"

namespace strata::torch {

MovableMemory::MovableMemory(uint64_t bytes, const at::Device& device)
    : device_(device), storage_(c10::Storage::use_byte_size_t(), static_cast<std::size_t>(bytes),
                                at::DataPtr(nullptr, device)) {}

void MovableMemory::put(const std::byte* memory) {
  // LibTorch has no read-only tensor; users of weights only read.
  storage_.unsafeGetStorageImpl()->set_data_ptr_noswap(
      at::DataPtr(const_cast<std::byte*>(memory), device_));
}

at::Tensor MovableMemory::tensor(uint64_t offset, at::IntArrayRef shape,
                                 at::ScalarType type) const {
  return at::empty({0}, at::TensorOptions().dtype(type).device(device_))
      .set_(storage_, static_cast<int64_t>(offset / at::elementSize(type)), shape);
}

}  // namespace strata::torch
