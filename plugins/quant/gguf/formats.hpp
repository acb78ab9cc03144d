// Every block format of the codec. The host and the kernels number the formats by their places
// here.
#pragma once
#include <utility>

#include "iq_blocks.hpp"
#include "small_blocks.hpp"
#include "super_blocks.hpp"

namespace gguf {

template <class... Blocks>
struct Formats {
  static constexpr std::string_view names[] = {Blocks::name...};

  // Calls f(Block()) for the format of this number.
  template <class F>
  static void at(int format, F&& f) {
    int next = 0;
    (void)((format == next++ && (f(Blocks()), true)) || ...);
  }

  // The number of the format of this name, or -1.
  static constexpr int find(std::string_view name) {
    int at = 0;
    for (const auto one : names) {
      if (one == name) return at;
      ++at;
    }
    return -1;
  }
};

using AllFormats =
    Formats<Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ1_S, IQ1_M, IQ2_XXS,
            IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, IQ4_NL, IQ4_XS, TQ1_0, TQ2_0, MXFP4, NVFP4>;

}  // namespace gguf
