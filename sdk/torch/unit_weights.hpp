// The weights of a unit as tensors over the memory of its run form.
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "core/zero/unit.hpp"

namespace strata::torch {

// The members of a group are slices of one tensor, so that they can be one product. The memory is
// borrowed.
class UnitWeights {
 public:
  // `leaves`: they ask for gradients, a group as one.
  UnitWeights(const zero::Unit& unit, const std::byte* weights, at::ScalarType type,
              const at::Device& device, bool leaves);

  uint32_t count() const { return static_cast<uint32_t>(members_.size()); }
  const std::string& unit() const { return unit_; }
  // Refused: an index that the unit has not; a table whose rows are gathered.
  const at::Tensor& at(uint32_t index) const;
  const std::string& name(uint32_t index) const { return names_.at(index); }
  // The members from `first` on as one tensor [sum of out, in]; nothing if they do not lie packed.
  std::optional<at::Tensor> packed(uint32_t first, uint32_t members) const;

  // What asks for gradients, and where in the run form its bytes begin.
  struct Leaf {
    at::Tensor value;
    uint64_t run_offset = 0;
    uint32_t first = 0, members = 1;
  };
  const std::vector<Leaf>& leaves() const { return leaves_; }

 private:
  std::string unit_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> members_;  // undefined: not held
  std::vector<Leaf> leaves_;
};

}  // namespace strata::torch
