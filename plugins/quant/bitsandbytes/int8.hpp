// LLM.int8() of bitsandbytes: codes of 8 bits and the largest magnitude of each row, SCB, in
// float32. An element is its code times SCB, times the float32 nearest to 1/127.
#pragma once
#include "packed/codec.hpp"
#include "packed/rows.hpp"

namespace bitsandbytes {

using namespace packed;
using strata::kernels::Code, strata::kernels::Zero;

struct Int8 {
  static constexpr std::string_view keys[] = {"bnb-int8"};

  static std::optional<strata::PackedWeight> recognize(const strata::Config* options,
                                                       const Tensors& tensors);

  // "FORMATS": how many tensors called weight_format there are.
  Int8(std::string_view, Words& words) : formats(words.integer(0, 1)) {}

  std::vector<strata::Part> parts(int64_t out, int64_t in) const;
  void unpack(std::span<const Memory> parts, const Memory& weight) const;
  std::optional<GroupForm> groups(int64_t out, int64_t in) const;
  // The scales are SCB/127, so that the elements may differ in the last bit of float32.
  void repack(int64_t out, int64_t in, std::span<const Memory> held, GroupRoom run) const;
  void pack(const Memory& weight, std::span<const Memory> parts) const;

  int64_t formats;
};

}  // namespace bitsandbytes
