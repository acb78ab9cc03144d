// The gradients of a unit's weights, in one memory.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "core/train/flat.hpp"

namespace strata::torch {

// Sums what the rerun of a unit gives each weight. The first addition to a place overwrites it, so
// that the memory need not be zeroed before; finish zeroes what got none.
class Gradients {
 public:
  // Writes elements of dtype `type` to `memory`, in the places of `flat`. Both outlive it. A null
  // memory is given later, before anything is added.
  Gradients(const train::Flat& flat, std::byte* memory, at::ScalarType type,
            const at::Device& device);

  void write_to(std::byte* memory) { memory_ = memory; }

  // Adds dy^T x [out,in], of dy [T,out] and x [T,in], to the members from `first` on: they follow
  // each other in memory, and their rows are `out` together. The product has the precision of the
  // wider dtype.
  void add_product(uint32_t first, uint32_t members, const at::Tensor& dy, const at::Tensor& x);
  // Adds the sum of dy [T,out] over tokens to such members, which are vectors.
  void add_sum(uint32_t first, uint32_t members, const at::Tensor& dy);
  // Adds a gradient with the elements of such members.
  void add(uint32_t first, uint32_t members, const at::Tensor& gradient);
  // Adds the gradient [T,width] of the rows `ids` [T] of a table: in a fixed order to the table, or
  // as it is to the place of the rows where the unit does not hold the table.
  void add_rows(uint32_t table, const at::Tensor& ids, const at::Tensor& gradient);
  // Zeroes the weights that got nothing, and the gaps.
  void finish();

 private:
  struct Place {
    at::Tensor to;  // [elements]
    bool filled;    // something is there to add to
  };
  Place place(uint32_t first, uint32_t members);
  at::Tensor elements(uint64_t first, uint64_t count) const;

  const train::Flat& flat_;
  std::byte* memory_;
  at::ScalarType type_;
  at::Device device_;
  std::vector<bool> filled_;  // by piece
  bool rows_filled_ = false;
};

}  // namespace strata::torch
