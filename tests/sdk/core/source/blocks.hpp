// Converts quantized blocks to floats, written for the tests from ggml's description of the
// formats; wherever it is used, the results are compared with the gguf package.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>

#include "core/source/tensor.hpp"

namespace made {

inline float half_at(const std::byte* from) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, from, sizeof bits);
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float size = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                   : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return bits >> 15 ? -size : size;
}

inline void expand(const strata::source::Tensor& tensor,
                   std::span<const std::span<const std::byte>> parts, std::span<float> out) {
  const auto& form = tensor.stored;
  if (parts.size() == 2) {  // bytes, and a scale for all of them
    float scale = 0;
    std::memcpy(&scale, parts[1].data(), sizeof scale);
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = scale * static_cast<float>(std::to_integer<int>(parts[0][i]));
    return;
  }
  const auto blocks = parts[0];
  const auto block_bytes = blocks.size() / (out.size() / 32);
  for (std::size_t block = 0; block * 32 < out.size(); ++block) {
    const auto* from = blocks.data() + block * block_bytes;
    auto* to = out.data() + block * 32;
    const float scale = half_at(from);
    for (int i = 0; i < 32; ++i) {
      const auto nibble = [&](const std::byte* codes) {
        const auto code = std::to_integer<int>(codes[i % 16]);
        return static_cast<float>(i < 16 ? code & 15 : code >> 4);
      };
      if (form.scheme == "Q8_0")
        to[i] = scale * static_cast<float>(static_cast<std::int8_t>(from[2 + i]));
      else if (form.scheme == "Q4_0")
        to[i] = scale * (nibble(from + 2) - 8);
      else if (form.scheme == "Q4_1")
        to[i] = scale * nibble(from + 4) + half_at(from + 2);
      else
        throw std::runtime_error("no such scheme");
    }
  }
}

}  // namespace made
