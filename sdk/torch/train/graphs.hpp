// The recorded runs of units between their forward and their backward.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <unordered_map>

#include "core/train/flat.hpp"
#include "torch/movable_memory.hpp"
#include "torch/training.hpp"
#include "torch/unit_weights.hpp"

namespace strata::torch {

// One unit's recorded run, with all that its backward needs but the weights: see [Note: movable
// memory].
struct Graph {
  // The unit's weights are frozen where `flat` has no places for gradients; else these are in the
  // dtype `reduce`.
  Graph(const zero::Unit& unit, const train::Flat& flat, at::ScalarType reduce,
        const at::Device& device);
  // Nodes of the graph point into it.
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  bool is_trained() const { return recorded.gradients != nullptr; }

  train::Flat places;
  Gradients gradients;   // in `places`, whose memory is given for the backward
  MovableMemory memory;  // of the weights
  UnitWeights weights;
  Recorded recorded;
  at::Tensor x, y;  // the input and the output
};

class Graphs {
 public:
  // Gives up the graphs of the micro-batch before.
  void begin() { graphs_.clear(); }
  void keep(const zero::Unit& unit, std::unique_ptr<Graph> graph) {
    graphs_[&unit] = std::move(graph);
  }
  // Throws Error where the unit has none.
  std::unique_ptr<Graph> take(const zero::Unit& unit);

 private:
  std::unordered_map<const zero::Unit*, std::unique_ptr<Graph>> graphs_;
};

}  // namespace strata::torch
