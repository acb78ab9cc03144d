// The state in JSON that bitsandbytes keeps beside weights of 4 bits.
#pragma once
#include "bitsandbytes/four_bit.hpp"

namespace bitsandbytes {

struct FourBitState {
  // Throws where the tensor has no such state, or one that the package does not write.
  FourBitState(const Tensors& tensors, const strata::WeightTensor& state);

  bool nf4 = false;
  int64_t block = 0, out = 0, in = 0;
  Number made = Number::single;
  std::optional<Nested> nested;
};

}  // namespace bitsandbytes
