// The scales of OCP's Microscaling formats, exponents of 2 with a bias of 127, on the CPU and in
// kernels.
#pragma once
#include "floats.hpp"

namespace gguf {

// 2^(e - 127); infinity for 255, which the formats call NaN.
constexpr Brain power_of_two(uint8_t e) { return {static_cast<uint16_t>(e == 0 ? 0x40 : e << 7)}; }

}  // namespace gguf
