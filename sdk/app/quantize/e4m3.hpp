// The 8-bit floating type E4M3: four bits of exponent, three of fraction, no infinity.
#pragma once
#include <cstdint>

namespace strata::app {

// The byte of the nearest number of the type; ties go to the even fraction. `value` is finite, and
// a magnitude above 448, the largest, becomes 448.
std::uint8_t to_e4m3(float value);

}  // namespace strata::app
