// What kernels know of a weight in groups, and the numbers that its codes stand for.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "gguf/floats.hpp"
#include "kernels/device_groups.hpp"
#include "kernels/group_numbers.hpp"

namespace strata::kernels {

enum class Stored : uint8_t { half, brain, single };  // the dtype of scales

// The facts of a form that no kernel is compiled for: branches on them are the same for all
// threads.
struct Groups {
  Zero zero;
  Stored stored;
  int rows, columns, group, groups, row_bytes;  // row_bytes: of the codes
};

constexpr bool four_bits(Code code) { return code != Code::int8 && code != Code::e4m3; }
constexpr bool is_integer(Code code) { return code == Code::int4 || code == Code::int8; }

inline Groups groups_of(const GroupForm& form, int64_t rows, int64_t columns) {
  const auto stored = form.scale.bits == 32              ? Stored::single
                      : form.scale.code == STRATA_BFLOAT ? Stored::brain
                                                         : Stored::half;
  const auto group = form.group < columns ? form.group : columns;
  return {form.zero,
          stored,
          static_cast<int>(rows),
          static_cast<int>(columns),
          static_cast<int>(group),
          static_cast<int>(groups_in(form, columns)),
          static_cast<int>(codes_in(form, columns))};
}

__device__ __forceinline__ float stored_number(Stored stored, const void* from, int64_t at) {
  if (stored == Stored::single) return __ldg(static_cast<const float*>(from) + at);
  const auto bits = __ldg(static_cast<const unsigned short*>(from) + at);
  if (stored == Stored::brain) return __uint_as_float(static_cast<uint32_t>(bits) << 16);
  return __half2float(__ushort_as_half(bits));
}

// The zero of a group as a number; what integers are without zeros.
template <Code code>
__device__ __forceinline__ float zero_number(const Groups& of, const void* zeros, int64_t at) {
  if (of.zero == Zero::code)
    return static_cast<float>(__ldg(static_cast<const uint8_t*>(zeros) + at));
  if (of.zero == Zero::number) return stored_number(of.stored, zeros, at);
  return code == Code::int8 ? 128.0F : 8.0F;
}

// Kernels read the tables of numbers from copies on the GPU.
struct SixteenNumbers {
  float at[16];
};
constexpr SixteenNumbers copied(const float (&from)[16]) {
  SixteenNumbers out{};
  for (int i = 0; i < 16; ++i) out.at[i] = from[i];
  return out;
}
static __constant__ const SixteenNumbers nf4_there = copied(nf4_numbers),
                                         e2m1_there = copied(e2m1_numbers);

// The table of codes of four bits that are no integers, in shared memory.
struct Table {
  float numbers[16];
  // Every thread of the block calls this, and then __syncthreads.
  template <Code code>
  __device__ void fill() {
    if constexpr (code == Code::nf4 || code == Code::e2m1)
      if (threadIdx.x < 16)
        numbers[threadIdx.x] = (code == Code::nf4 ? nf4_there : e2m1_there).at[threadIdx.x];
  }
};

// The number that a code stands for, before its group's scale.
template <Code code>
__device__ __forceinline__ float number(uint32_t bits, const Table& table) {
  if constexpr (code == Code::e4m3) return e4m3_number(static_cast<uint8_t>(bits));
  if constexpr (is_integer(code)) return static_cast<float>(bits);
  return table.numbers[bits];
}

// An element, rounded after each step as on the CPU.
template <Code code>
__device__ __forceinline__ float element(float number, float scale, float zero, Zero kind) {
  if constexpr (!is_integer(code)) return __fmul_rn(number, scale);
  if (kind == Zero::number) return __fadd_rn(__fmul_rn(number, scale), zero);
  return __fmul_rn(__fsub_rn(number, zero), scale);
}

// Calls f(std::integral_constant-like tag) for a code.
template <Code value>
struct CodeTag {
  static constexpr Code code = value;
};
template <class F>
void with_code(Code code, F f) {
  switch (code) {
    case Code::int4:
      return f(CodeTag<Code::int4>());
    case Code::int8:
      return f(CodeTag<Code::int8>());
    case Code::nf4:
      return f(CodeTag<Code::nf4>());
    case Code::e2m1:
      return f(CodeTag<Code::e2m1>());
    case Code::e4m3:
      return f(CodeTag<Code::e4m3>());
  }
}

}  // namespace strata::kernels
