// Which tensors of a checkpoint are weights of linear modules that can be quantized.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "core/run/model.hpp"

namespace strata::app {

struct LinearTensors {
  // Matrices [out,in], by the checkpoint's names, and the family's name of one weight in each.
  std::map<std::string, std::string> quantized;
  std::vector<std::string> ignored;  // modules that stay dense though they may be linear, sorted
};

// Quantized are the matrices of the model's layers, also of experts that have tensors of their own.
// Dense stay the embedding, the head and other matrices of their units, routers, gates of one row,
// matrices that the checkpoint has as [in,out] or as one tensor of all experts, and tensors that
// the model does not use. The weights of `model` are found.
LinearTensors linear_tensors(const run::Model& model);

}  // namespace strata::app
