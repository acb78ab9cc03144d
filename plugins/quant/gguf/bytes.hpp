// Reads of blocks, on the CPU and in kernels alike: bytes may lie at any address.
#pragma once
#include <cstdint>

#include "floats.hpp"

// Marks a table that lies in the memory of the processor that the including file is compiled for.
#ifdef __CUDACC__
#define GGUF_TABLE __device__ constexpr
#else
#define GGUF_TABLE inline constexpr
#endif

namespace gguf {

// The scale of one group's elements: its factor d and the offset m that is added or subtracted.
struct Scale {
  float d = 0, m = 0;
};

constexpr uint32_t u16_at(const uint8_t* p) { return p[0] | uint32_t{p[1]} << 8; }
constexpr uint32_t u32_at(const uint8_t* p) { return u16_at(p) | u16_at(p + 2) << 16; }
constexpr float half_at(const uint8_t* p) {
  return to_float(Half{static_cast<uint16_t>(u16_at(p))});
}
constexpr int i8_at(const uint8_t* p) { return static_cast<int8_t>(*p); }

// The low nibble, or the high one.
constexpr int nibble(uint8_t byte, int high) { return byte >> (4 * high) & 15; }
// Two bits of the byte, at `place` 0 to 3.
constexpr int pair(uint8_t byte, int place) { return byte >> (2 * place) & 3; }
constexpr int bit(uint32_t word, int place) { return static_cast<int>(word >> place & 1); }

}  // namespace gguf
