// Transposes small matrices of words in registers.
#pragma once
#include <cstdint>
#include <cstring>

namespace transposed {

// The rows of `from` become the columns of `to`; both lengths are multiples of 4.
template <int64_t high, int64_t wide>
void transpose(const uint32_t (&from)[high][wide], uint32_t (&to)[wide][high]) {
  static_assert(high % 4 == 0 && wide % 4 == 0);
  using Four [[gnu::vector_size(16)]] = uint32_t;
  for (int64_t r = 0; r < wide; r += 4)
    for (int64_t k = 0; k < high; k += 4) {
      Four a, b, c, d;
      std::memcpy(&a, &from[k][r], sizeof a), std::memcpy(&b, &from[k + 1][r], sizeof b);
      std::memcpy(&c, &from[k + 2][r], sizeof c), std::memcpy(&d, &from[k + 3][r], sizeof d);
      const Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                 ba = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                 dc = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      const Four rows[] = {
          __builtin_shufflevector(ab, cd, 0, 1, 4, 5), __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
          __builtin_shufflevector(ba, dc, 0, 1, 4, 5), __builtin_shufflevector(ba, dc, 2, 3, 6, 7)};
      for (int64_t j = 0; j < 4; ++j) std::memcpy(&to[r + j][k], &rows[j], sizeof rows[j]);
    }
}

}  // namespace transposed
