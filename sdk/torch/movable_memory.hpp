// Memory that tensors stand on, whose place may change while they live.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/Storage.h>

#include <cstddef>
#include <cstdint>

namespace strata::torch {

// [Note: movable memory]
// A recorded computation keeps the weights that its backward needs. All tensors over this memory
// share one storage, also those that autograd keeps, so that weights may leave their slot behind a
// unit's run and come back to another one for its backward.
class MovableMemory {
 public:
  // The memory of so many bytes on `device`, which has no place yet.
  MovableMemory(uint64_t bytes, const at::Device& device);

  // Moves all tensors to `memory`, which stays its owner's. Null: they have no place, and none is
  // read before they get one.
  void put(const std::byte* memory);
  // A contiguous tensor whose first byte is at `offset`, a multiple of its elements' size.
  at::Tensor tensor(uint64_t offset, at::IntArrayRef shape, at::ScalarType type) const;

 private:
  at::Device device_;
  c10::Storage storage_;
};

}  // namespace strata::torch
