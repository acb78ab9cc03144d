#include "torch/train/graphs.hpp"

#include <utility>

#include "core/error.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

Graph::Graph(const zero::Unit& unit, const train::Flat& flat, at::ScalarType reduce,
             const at::Device& device)
    : places(flat), gradients(places, nullptr, reduce, device), memory(unit.run_bytes, device),
      weights(unit, memory, flat.elements > 0 || flat.row_width > 0) {
  if (flat.elements > 0 || flat.row_width > 0) recorded.gradients = &gradients;
}

std::unique_ptr<Graph> Graphs::take(const zero::Unit& unit) {
  const auto found = graphs_.find(&unit);
  if (found == graphs_.end()) throw Error(unit.name, "its run was not recorded", "");
  auto graph = std::move(found->second);
  graphs_.erase(found);
  return graph;
}

}  // namespace strata::torch
