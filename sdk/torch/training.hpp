// The context of ops in a pass that trains: the state of the micro-batch, and the recorded run of a
// unit.
#pragma once
#include <ATen/core/Tensor.h>

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
  // The probabilities [T,X] of routers with a loss, from which the backward starts as well. Their
  // gradient is known when the last layer has run.
  std::vector<at::Tensor> probabilities;
};

}  // namespace strata::torch
