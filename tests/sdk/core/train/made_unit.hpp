// A unit of weights without a checkpoint.
#pragma once
#include <strata/abi/model.h>

#include <vector>

#include "core/source/form.hpp"
#include "core/zero/unit.hpp"

namespace made {

// A unit of the body with weights of these shapes, in run form one behind the other as lay_out puts
// them.
inline strata::zero::Unit unit_of(const std::vector<std::vector<int64_t>>& shapes,
                                  strata_dtype dtype = {STRATA_FLOAT, 32, 1}) {
  strata::zero::Unit unit;
  unit.kind = STRATA_UNIT_BODY;
  for (const auto& shape : shapes) {
    strata::zero::Weight weight;
    weight.shape = shape;
    weight.run = strata::source::dense_form(dtype, shape);
    weight.run.at = unit.run_bytes;
    unit.run_bytes += (weight.run.bytes + 255) / 256 * 256;
    unit.weights.push_back(weight);
  }
  return unit;
}

}  // namespace made
