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
  if (head.group == 0 || !head.is_held() || head.shape.empty() || head.run.parts.size() > 1)
    return 1;
  uint64_t next = head.run.at + head.run.bytes;
  for (; end < weights.size(); ++end) {
    const auto& w = weights[end];
    const bool alike = w.group == head.group && w.shape.size() == head.shape.size() &&
                       std::equal(w.shape.begin() + 1, w.shape.end(), head.shape.begin() + 1) &&
                       w.run.scheme == head.run.scheme && w.run.at == next;
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
          [&](uint64_t at, at::IntArrayRef shape, at::ScalarType type) {
            return borrowed(weights + at, shape, type, device);
          },
          leaves) {}

UnitWeights::UnitWeights(const zero::Unit& unit, const MovableMemory& memory, bool leaves)
    : UnitWeights(
          unit,
          [&](uint64_t at, at::IntArrayRef shape, at::ScalarType type) {
            return memory.tensor(at, shape, type);
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
    if (head.is_held() && head.run.dense())
      add_dense(unit, i, n, tensor_over, leaves);
    else if (head.is_held())
      add_coded(unit, i, n, tensor_over);
    i += n;
  }
}

void UnitWeights::add_dense(const zero::Unit& unit, std::size_t first, std::size_t n,
                            TensorOver tensor_over, bool leaves) {
  const auto& head = unit.weights[first];
  auto shape = head.shape;
  for (auto j = first + 1; j < first + n; ++j) shape[0] += unit.weights[j].shape[0];
  auto whole = tensor_over(head.run.at, shape, scalar_type(head.run.dtype()));
  if (leaves) whole.requires_grad_(true);
  leaves_.push_back({whole, head.run.at, static_cast<uint32_t>(first), static_cast<uint32_t>(n)});
  int64_t row = 0;
  for (auto j = first; j < first + n; ++j) {
    const auto rows = n == 1 ? 0 : unit.weights[j].shape[0];
    members_[j] = n == 1 ? whole : whole.narrow(0, row, rows);
    row += rows;
  }
}

void UnitWeights::add_coded(const zero::Unit& unit, std::size_t first, std::size_t n,
                            TensorOver tensor_over) {
  const auto& head = unit.weights[first];
  int64_t rows = 0;
  for (auto j = first; j < first + n; ++j) rows += unit.weights[j].shape[0];
  auto whole = coded_over(head, rows, [&](uint64_t at, at::IntArrayRef shape, at::ScalarType type) {
    return tensor_over(head.run.at + at, shape, type);
  });
  int64_t row = 0;
  for (auto j = first; n > 1 && j < first + n; ++j) {
    const auto count = unit.weights[j].shape[0];
    coded_.push_back({static_cast<uint32_t>(j), 1, whole.narrow(row, count)});
    coded_.back().weight.name = names_[j];
    row += count;
  }
  coded_.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(n), std::move(whole)});
}

const at::Tensor& UnitWeights::at(uint32_t index) const {
  if (index >= members_.size())
    throw Error(unit_, "it has no weight " + std::to_string(index), "correct the family");
  if (coded(index))
    throw Error(unit_, "the weight '" + names_[index] + "' is in its codec's form",
                "this is a mistake in an op");
  if (!members_[index].defined())
    throw Error(unit_, "the rows of '" + names_[index] + "' are gathered one by one",
                "use it with the op embedding alone");
  return members_[index];
}

int64_t UnitWeights::rows(uint32_t index) const {
  const auto* one = coded(index);
  return one ? one->rows() : at(index).size(0);
}

const CodedWeight* UnitWeights::coded(uint32_t first, uint32_t members) const {
  for (const auto& one : coded_)
    if (one.first == first && one.members == members) return &one.weight;
  return nullptr;
}

std::optional<at::Tensor> UnitWeights::packed(uint32_t first, uint32_t members) const {
  if (members == 1) return at(first);
  for (const auto& leaf : leaves_)
    if (leaf.first == first && leaf.members == members) return leaf.value;
  return std::nullopt;
}

}  // namespace strata::torch
