// The trained weights in the places of a checkpoint's tensors.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/run/model.hpp"
#include "core/train/prepare.hpp"

namespace strata::train {

// Writes elements [first, ...) of a tensor to `out` in this dtype.
using FillTensor =
    std::function<void(strata_dtype dtype, uint64_t first, std::span<std::byte> out)>;

// Finds the elements of every checkpoint tensor in the flat arrays of the units.
class Export {
 public:
  // Gives the flat float32 array of a unit, such as its master weights; it lasts until the next
  // call.
  using Values = std::function<const float*(uint32_t unit)>;

  // `values` is called when a tensor is filled. `model` and `plan` outlive it. Refuses a weight
  // that is joined from several tensors.
  Export(const run::Model& model, const TrainingPlan& plan, Values values);

  // The trained elements of a tensor of the model's checkpoint, as a dense row-major tensor of its
  // shape; null if nothing of it is trained.
  FillTensor of(const source::Tensor& tensor) const;

 private:
  // A weight as a matrix of outer x inner elements, and the distance of its neighbors in the
  // tensor.
  struct Region {
    uint32_t unit = 0;
    uint64_t from = 0;                        // of its first element in the unit's array
    uint64_t base = 0;                        // and in the tensor
    uint64_t outer = 1, inner = 1;            // counts, in the tensor's order
    uint64_t outer_step = 0, inner_step = 1;  // in the tensor
    uint64_t outer_from = 0, inner_from = 1;  // in the weight
  };
  void add(const run::Model& model, const zero::Weight& weight, uint32_t unit, uint64_t from);
  void fill(const Region& region, strata_dtype dtype, uint64_t first,
            std::span<std::byte> out) const;

  Values values_;
  std::map<std::string, std::vector<Region>> regions_;  // by the tensor's name
};

}  // namespace strata::train
