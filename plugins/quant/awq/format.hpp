// AWQ's layout of a weight [out,in] for its gemm kernel, in words of 32 bits with the first code
// lowest:
//
//   codes   [in, out / 8]       a word has 8 neighboring rows of one column
//   zeros   [groups, out / 8]   a word has 8 neighboring rows in one group
//   scales  [groups, out]
//
// A word has its rows in the order 0, 2, 4, 6, 1, 3, 5, 7. A scheme is "awq 4 GROUP SCALE".
#pragma once
#include <optional>
#include <span>
#include <string>

#include "transposed/form.hpp"
#include "transposed/rows.hpp"

namespace awq {

struct Format {
  static constexpr std::string_view key = "awq";
  static constexpr int64_t tile = 128;  // a cache line of words

  transposed::Form form;

  // `words` are those of `text` behind the key. Throws for a text that scheme() would not write.
  Format(std::string_view words, std::string_view text);
  explicit Format(const transposed::Form& of) : form(of) {}
  std::string scheme() const;

  // As strata/quant.hpp says.
  static std::optional<strata::PackedWeight> recognize(
      const strata::Config* options, std::string_view weight,
      std::span<const strata::WeightTensor> tensors);

  bool ordered() const { return false; }
  std::vector<strata::Part> parts(const transposed::Shape& shape) const;
  void turn_codes(const std::byte* codes, const transposed::Shape& shape, int64_t first,
                  int64_t count, std::byte* to, int64_t stride) const;
  void read_zeros(const std::byte* zeros, const transposed::Shape& shape, int64_t group,
                  int64_t first, int64_t count, uint8_t* to) const;
};

}  // namespace awq
