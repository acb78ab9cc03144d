// The weights of a unit, as tensors over the memory of its run form.
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "core/zero/unit.hpp"
#include "torch/coded_weight.hpp"
#include "torch/movable_memory.hpp"

namespace strata::torch {

// The members of a group are slices of one tensor, so that they can be one product. It borrows the
// memory.
class UnitWeights {
 public:
  // `leaves`: the weights require gradients, a group as one tensor.
  UnitWeights(const zero::Unit& unit, const std::byte* weights, const at::Device& device,
              bool leaves);
  // The same over memory that may move, of the unit's run_bytes.
  UnitWeights(const zero::Unit& unit, const MovableMemory& memory, bool leaves);

  uint32_t count() const { return static_cast<uint32_t>(members_.size()); }
  const std::string& unit() const { return unit_; }
  // Refuses an index that the unit does not have, a table whose rows are gathered, and a weight in
  // its codec's form.
  const at::Tensor& at(uint32_t index) const;
  // Its rows, in either form.
  int64_t rows(uint32_t index) const;
  const std::string& name(uint32_t index) const { return names_.at(index); }
  // Whether it is the output head's, of which the unit may hold a tile of rows from first_row() on.
  bool of_head(uint32_t index) const { return of_head_.at(index); }
  int64_t first_row() const { return first_row_; }
  // The members from `first` on as one tensor [sum of out, in]; nothing if they are not packed.
  std::optional<at::Tensor> packed(uint32_t first, uint32_t members) const;

  // The members from `first` on as one weight in their codec's form; null: they are dense, or
  // apart.
  const CodedWeight* coded(uint32_t first, uint32_t members = 1) const;

  // A tensor that requires gradients, and the offset of its bytes in the run form.
  struct Leaf {
    at::Tensor value;
    uint64_t run_offset = 0;
    uint32_t first = 0, members = 1;
  };
  const std::vector<Leaf>& leaves() const { return leaves_; }

 private:
  UnitWeights(const zero::Unit& unit, TensorOver tensor_over, bool leaves);
  void add_dense(const zero::Unit& unit, std::size_t first, std::size_t n, TensorOver tensor_over,
                 bool leaves);
  void add_coded(const zero::Unit& unit, std::size_t first, std::size_t n, TensorOver tensor_over);

  std::string unit_;
  std::vector<std::string> names_;
  std::vector<bool> of_head_;
  int64_t first_row_;
  std::vector<at::Tensor> members_;  // undefined: not held, or coded
  std::vector<Leaf> leaves_;
  struct Coded {
    uint32_t first, members;
    CodedWeight weight;
  };
  std::vector<Coded> coded_;
};

}  // namespace strata::torch
