// The formats int-quantized, float-quantized, naive-quantized and mxfp8-quantized: codes of 8 bits,
// integers or floats, in a tensor called weight.
#pragma once
#include "ct_weights/weight_settings.hpp"
#include "ct_weights/zeros.hpp"
#include "packed/method.hpp"
#include "packed/rows.hpp"

namespace compressed_tensors {

struct NaiveQuantized {
  static constexpr std::string_view keys[] = {"ct-naive"};

  static std::optional<strata::PackedWeight> recognize(const strata::Config* options,
                                                       const Tensors& tensors);

  NaiveQuantized(std::string_view, Words& words)
      : code(code_of(words)), zeros(zeros_of(words)), grid(words) {
    if (grid.number() == Number::e4m3 || (zeros != Zeros::none && !in_bytes(zeros)) ||
        (zeros != Zeros::none && code == Code::e4m3))
      words.refuse();
  }

  std::vector<strata::Part> parts(int64_t out, int64_t in) const;
  void unpack(std::span<const Memory> parts, const Memory& weight) const;
  std::optional<GroupForm> groups(int64_t out, int64_t in) const;
  void repack(int64_t out, int64_t in, std::span<const Memory> held, GroupRoom run) const;
  // For integers without zeros, with scales in float32; others are refused.
  void pack(const Memory& weight, std::span<const Memory> parts) const;

  static Code code_of(Words& words);

  Code code;  // int8 or e4m3
  Zeros zeros;
  Grid grid;
};

}  // namespace compressed_tensors
