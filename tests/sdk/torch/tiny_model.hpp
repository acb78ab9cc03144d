// A tiny model of the reference.
#pragma once
#include <string>

#include "tests/sdk/torch/built_llama.hpp"

namespace strata::torch::test {

class TinyModel : public strata::test::BuiltLlama {
 public:
  // `attention` is the name of a backend; `tile` the bytes of a head's tile, 0 for a whole head.
  TinyModel(const std::string& attention, strata_dtype dtype, uint64_t tile);
};

}  // namespace strata::torch::test
