// The state in JSON that bitsandbytes keeps beside weights of 4 bits.
#pragma once
#include "bitsandbytes/four_bit.hpp"

namespace bitsandbytes {

struct FourBitState {
  // Reads the bytes of its tensor. Throws where the package does not write such a state; the words
  // are those of `tensors`.
  FourBitState(const Tensors& tensors, std::string_view text);

  bool nf4 = false;
  int64_t block = 0, out = 0, in = 0;
  Number made = Number::single;
  std::optional<Nested> nested;
};

}  // namespace bitsandbytes
