// Activations rounded to 8 bits in the order of chunks, as the fast products with weights in groups
// read them.
#pragma once
#include <cstdint>

#include "kernels/group_columns.hpp"

namespace strata::kernels {

// One token: the codes and the scale of each chunk, and the sum of each group's rounded elements.
// They lie in this order, with zeros after the sums; `Bytes` has the places, at multiples of 64,
// and the length of a token.
struct GroupActivations {
  struct Bytes {
    int64_t scales, sums, token;
    [[gnu::always_inline]] explicit Bytes(const GroupColumns& at)
        : scales((at.total() * chunk + 63) / 64 * 64), sums(scales + (at.total() + 15) / 16 * 64),
          token(sums + (at.groups + 15) / 16 * 64) {}
  };
  [[gnu::always_inline]] GroupActivations(void* memory, const Bytes& bytes)
      : codes(static_cast<int8_t*>(memory)), scales(reinterpret_cast<float*>(codes + bytes.scales)),
        sums(reinterpret_cast<float*>(codes + bytes.sums)),
        end(reinterpret_cast<float*>(codes + bytes.token)) {}
  int8_t* codes;
  float* scales;
  float* sums;
  float* end;  // of the zeros
};

}  // namespace strata::kernels
