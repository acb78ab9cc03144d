// The number formats in which compressed-tensors holds a linear module's weight.
#pragma once
#include <cstdint>

namespace strata::app {

// The codes of a weight, and the numbers that share a scale.
struct CompressedScheme {
  enum class Codes { int4, int8, fp8 };  // fp8: E4M3

  Codes codes = Codes::int4;
  std::int64_t group = 64;  // columns that share a scale; 0: all of a row
  bool symmetric = true;    // no zero points
  // Take the scale with the least squared error, not the one that the largest number asks for.
  bool search = true;

  bool floating() const { return codes == Codes::fp8; }
  std::uint32_t bits() const { return codes == Codes::int4 ? 4 : 8; }
  // The least and the largest code.
  float low() const { return floating() ? -448.0f : bits() == 4 ? -8.0f : -128.0f; }
  float high() const { return floating() ? 448.0f : bits() == 4 ? 7.0f : 127.0f; }
};

}  // namespace strata::app
