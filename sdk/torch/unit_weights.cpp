#include "torch/unit_weights.hpp"

#include <strata/abi/model.h>

#include <algorithm>

#include "core/error.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

// The number of weights from `first` on that are packed as one tensor.
std::size_t run_of(const std::vector<zero::Weight>& weights, std::size_t first) {
  const auto& head = weights[first];
  std::size_t end = first + 1;
  if (head.group == 0 || !head.is_held() || head.shape.empty()) return 1;
  uint64_t next = head.run.at + head.run.bytes;
  for (; end < weights.size(); ++end) {
    const auto& w = weights[end];
    const bool alike = w.group == head.group && w.shape.size() == head.shape.size() &&
                       std::equal(w.shape.begin() + 1, w.shape.end(), head.shape.begin() + 1) &&
                       w.run.at == next;
    if (!alike) break;
    next += w.run.bytes;
  }
  return end - first;
}

}  // namespace

UnitWeights::UnitWeights(const zero::Unit& unit, const std::byte* weights, const at::Device& device,
                         bool leaves)
    : UnitWeights(
          unit,
          [&](const zero::Weight& first, at::IntArrayRef shape) {
            return borrowed(weights + first.run.at, shape, scalar_type(first.run.dtype()), device);
          },
          leaves) {}

UnitWeights::UnitWeights(const zero::Unit& unit, const MovableMemory& memory, bool leaves)
    : UnitWeights(
          unit,
          [&](const zero::Weight& first, at::IntArrayRef shape) {
            return memory.tensor(first.run.at, shape, scalar_type(first.run.dtype()));
          },
          leaves) {}

UnitWeights::UnitWeights(const zero::Unit& unit, TensorOver tensor_over, bool leaves)
    : unit_(unit.name), first_row_(unit.first_row), members_(unit.weights.size()) {
  for (const auto& w : unit.weights) {
    names_.push_back(w.name);
    of_head_.push_back(w.role == STRATA_HEAD);
  }
  for (std::size_t i = 0; i < members_.size();) {
    const auto n = run_of(unit.weights, i);
    const auto& head = unit.weights[i];
    if (head.is_held()) {
      auto shape = head.shape;
      for (std::size_t j = i + 1; j < i + n; ++j) shape[0] += unit.weights[j].shape[0];
      auto whole = tensor_over(head, shape);
      if (leaves) whole.requires_grad_(true);
      leaves_.push_back({whole, head.run.at, static_cast<uint32_t>(i), static_cast<uint32_t>(n)});
      int64_t row = 0;
      for (std::size_t j = i; j < i + n; ++j) {
        const auto rows = n == 1 ? 0 : unit.weights[j].shape[0];
        members_[j] = n == 1 ? whole : whole.narrow(0, row, rows);
        row += rows;
      }
    }
    i += n;
  }
}

const at::Tensor& UnitWeights::at(uint32_t index) const {
  if (index >= members_.size())
    throw Error(unit_, "it has no weight " + std::to_string(index), "correct the family");
  if (!members_[index].defined())
    throw Error(unit_, "the rows of '" + names_[index] + "' are gathered one by one",
                "use it with the op embedding alone");
  return members_[index];
}

std::optional<at::Tensor> UnitWeights::packed(uint32_t first, uint32_t members) const {
  if (members == 1) return at(first);
  for (const auto& leaf : leaves_)
    if (leaf.first == first && leaf.members == members) return leaf.value;
  return std::nullopt;
}

}  // namespace strata::torch
