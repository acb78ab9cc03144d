// A GGUF file seen by a mapping: tensors by the checkpoint's names, with configuration and
// vocabulary.
#pragma once
#include <string>
#include <vector>

#include "core/source/file.hpp"
#include "core/source/gguf_mapping.hpp"
#include "core/source/tensor.hpp"
#include "core/text/gguf_vocabulary.hpp"

namespace strata::source {

struct GgufCheckpoint {
  std::vector<Tensor> tensors;
  std::string config;
  text::GgufVocabulary vocabulary;
};

// Extents are of file 0. Throws Error naming the file: an architecture that no mapping has, a part
// of a split model, rope factors or permuted rows that do not fit the shape.
GgufCheckpoint read_gguf_checkpoint(const File& opened, const GgufMappings& mappings);

}  // namespace strata::source
