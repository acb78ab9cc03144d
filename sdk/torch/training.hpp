// What ops find in a pass that trains: the state of the micro-batch, and the rerun of one unit.
#pragma once
#include <ATen/core/Tensor.h>

#include <utility>
#include <vector>

#include "torch/draws.hpp"
#include "torch/gradients.hpp"
#include "torch/routers.hpp"

namespace strata::torch {

// The state of a micro-batch. A unit's rerun finds in it what its run left.
struct Training {
  bool drops = true;                   // false: dropout keeps everything, as for validation
  at::ScalarType reduce = at::kFloat;  // of gradients
  Draws draws;
  Routers routers;
  double router_scale = 1;  // of the router loss's gradient
};

// One recorded run of a unit. Ops leave in it what autograd does not carry to the leaves.
struct Recorded {
  Gradients* gradients = nullptr;  // null: the unit's weights are frozen
  // Rows that were looked up in a table, which require gradients.
  struct Rows {
    uint32_t table;
    at::Tensor rows;  // [T,width]
  };
  std::vector<Rows> rows;
  // Tensors besides the unit's output from which its backward starts, with their gradients.
  std::vector<std::pair<at::Tensor, at::Tensor>> roots;
};

}  // namespace strata::torch
