// The numbers that a GGUF file has beside its quantized weights: NAME.scale is a factor of all
// elements of NAME.weight, or a factor for each expert of a stack; NAME.input_scale is for
// activations in fewer bits, which nothing here computes. Converters write them beside weights of
// NVFP4.
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/source/gguf_mapping.hpp"
#include "core/source/gguf_parts.hpp"
#include "core/source/tensor.hpp"

namespace strata::source {

class GgufScales {
 public:
  // Reads the factors of the weights that the mapping names, by the file's own scales, which are
  // those that it does not name. Throws Error naming the file and the tensor where a scale is not
  // of F32, or not one number for the weight or for each of its experts.
  GgufScales(const GgufParts& parts, const GgufMapping& mapping);

  // Whether the tensor of the file is a scale, and thus no weight.
  bool is_scale(const std::string& name) const { return scales_.contains(name); }
  // The factors of a tensor of the file: none, one, or one for each slice along its first axis.
  std::span<const float> of(const std::string& weight) const;

 private:
  std::map<std::string, std::vector<float>> scales_;  // by their names; none for activations
};

// Multiplies the tensor, unless the factor is 1.
void multiply(Tensor& tensor, float factor);

}  // namespace strata::source
