// NF4 and FP4 of bitsandbytes: codes of 4 bits for the flattened weight, two a byte with the first
// in the upper half, and the largest magnitude of each block of them, in float32 or, "nested", in
// codes of 8 bits. An element is its code's number times that magnitude in float32, rounded to the
// dtype that the weight had.
#pragma once
#include "packed/codec.hpp"
#include "packed/rows.hpp"

namespace bitsandbytes {

using namespace packed;
using strata::kernels::Code, strata::kernels::Zero;

// How the magnitudes are nested: codes of a table, times a float32 for each block of codes, plus an
// offset, which differs from weight to weight.
struct Nested {
  int64_t block = 0;
  float offset = 0;
};

class FourBit {
 public:
  static constexpr std::string_view keys[] = {"bnb-nf4", "bnb-fp4"};

  static std::optional<strata::PackedWeight> recognize(const strata::Config* options,
                                                       const Tensors& tensors);

  // "BLOCK STORAGE MADE STATE NESTED_BLOCK": STORAGE is the type of the codes' tensor, MADE
  // the weight's dtype, STATE the bytes of the tensor with the state. NESTED_BLOCK 0: not nested.
  FourBit(std::string_view key, Words& words);

  std::vector<strata::Part> parts(int64_t out, int64_t in) const;
  void unpack(std::span<const Memory> parts, const Memory& weight) const;
  std::optional<GroupForm> groups(int64_t out, int64_t in) const;
  void repack(int64_t out, int64_t in, std::span<const Memory> held, GroupRoom run) const;

 private:
  int64_t blocks(int64_t elements) const { return (elements + block_ - 1) / block_; }
  float offset(std::span<const Memory> parts) const;
  // The largest magnitude of a block.
  float magnitude(std::span<const Memory> parts, float offset, int64_t block) const;

  bool nf4_;
  int64_t block_;
  strata_dtype storage_;
  Number made_;
  int64_t state_;
  int64_t nested_block_;  // 0: the magnitudes are not nested
};

}  // namespace bitsandbytes
