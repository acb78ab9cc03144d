// A GGUF file seen by a mapping: tensors by the checkpoint's names, with configuration and
// vocabulary.
#pragma once
#include <string>
#include <vector>

#include "core/source/gguf_mapping.hpp"
#include "core/source/gguf_parts.hpp"
#include "core/source/gguf_vocabulary.hpp"
#include "core/source/tensor.hpp"

namespace strata::source {

struct GgufCheckpoint {
  std::vector<Tensor> tensors;
  std::string config;
  source::GgufVocabulary vocabulary;
};

// Throws Error naming the file where it holds no model, where no mapping has its architecture, and
// where rope factors or permuted rows do not fit the shape.
GgufCheckpoint gguf_checkpoint(const GgufParts& parts, const GgufMappings& mappings);

}  // namespace strata::source
