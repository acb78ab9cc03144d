// The formats of the numbers in quantized checkpoints, and rows of dense weights of any float
// dtype.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <strata/quant.hpp>

#include "gguf/floats.hpp"
#include "kernels/group_numbers.hpp"

namespace packed {

using gguf::Brain, gguf::Half;

// single, half and brain are float32, float16 and bfloat16. exponent is a byte e that stands for
// 2^(e - 127); e8m0 is the same with NaN for 255. e4m3 is a float of 8 bits without infinities.
enum class Number : uint8_t { single, half, brain, exponent, e8m0, e4m3 };

struct NumberType {
  Number number;
  std::string_view type, word;  // as safetensors files and schemes name it
  strata_dtype dtype;           // of its tensors
};

inline constexpr NumberType number_types[] = {
    {Number::single, "F32", "f32", {STRATA_FLOAT, 32, 1}},
    {Number::half, "F16", "f16", {STRATA_FLOAT, 16, 1}},
    {Number::brain, "BF16", "bf16", {STRATA_BFLOAT, 16, 1}},
    {Number::exponent, "U8", "exponent", {STRATA_UINT, 8, 1}},
    {Number::e8m0, "F8_E8M0", "e8m0", {STRATA_UINT, 8, 1}},
    {Number::e4m3, "F8_E4M3", "e4m3", {STRATA_UINT, 8, 1}}};

constexpr const NumberType& type_of(Number number) {
  return number_types[static_cast<int>(number)];
}
inline std::optional<Number> number_of_type(std::string_view type) {
  for (const auto& one : number_types)
    if (one.type == type) return one.number;
  return std::nullopt;
}
inline std::optional<Number> number_of_word(std::string_view word) {
  for (const auto& one : number_types)
    if (one.word == word) return one.number;
  return std::nullopt;
}

constexpr bool is_float(Number number) { return number <= Number::brain; }

using strata::kernels::e4m3_number;

constexpr float from_exponent(uint8_t byte) {
  return std::bit_cast<float>(byte == 0 ? 0x00400000U : uint32_t{byte} << 23);
}

template <class T>
T load(const void* from, int64_t at) {
  T out;
  std::memcpy(&out, static_cast<const char*>(from) + at * static_cast<int64_t>(sizeof(T)),
              sizeof(T));
  return out;
}

// The number at a position of an array.
inline float number_at(Number number, const void* from, int64_t at) {
  switch (number) {
    case Number::single:
      return load<float>(from, at);
    case Number::half:
      return gguf::to_float(load<Half>(from, at));
    case Number::brain:
      return gguf::to_float(load<Brain>(from, at));
    case Number::exponent:
      return from_exponent(load<uint8_t>(from, at));
    case Number::e4m3:
      return e4m3_number(load<uint8_t>(from, at));
    case Number::e8m0:
      break;
  }
  const auto byte = load<uint8_t>(from, at);
  return byte == 0xff ? std::bit_cast<float>(0x7fc00000U) : from_exponent(byte);
}

// Calls f(T*) for the element type of a dense weight.
template <class F>
void over_elements(const strata::Memory& weight, F&& f) {
  const auto [code, bits, lanes] = weight.dtype;
  if (lanes == 1 && code == STRATA_FLOAT && bits == 32) return f(weight.as<float>());
  if (lanes == 1 && code == STRATA_FLOAT && bits == 64) return f(weight.as<double>());
  if (lanes == 1 && code == STRATA_FLOAT && bits == 16) return f(weight.as<Half>());
  if (lanes == 1 && code == STRATA_BFLOAT && bits == 16) return f(weight.as<Brain>());
  throw strata::Failure(STRATA_INVALID, "a dense weight is float16, bfloat16, float32 or float64");
}

// Stores a row as T after rounding it to the format in which the format's package makes it.
template <class T>
void store_row(const float* row, int64_t count, Number made, T* to) {
  switch (made) {
    case Number::half:
      for (int64_t i = 0; i < count; ++i)
        to[i] = gguf::from_float<T>(gguf::to_float(gguf::to_half(row[i])));
      return;
    case Number::brain:
      for (int64_t i = 0; i < count; ++i)
        to[i] = gguf::from_float<T>(gguf::to_float(gguf::to_brain(row[i])));
      return;
    default:
      for (int64_t i = 0; i < count; ++i) to[i] = gguf::from_float<T>(row[i]);
  }
}

}  // namespace packed
