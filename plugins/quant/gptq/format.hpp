// GPTQ's layout of a weight [out,in], in words of 32 bits with the first code lowest:
//
//   codes   [in * bits / 32, out]       a word has neighboring columns of one row
//   zeros   [groups, out * bits / 32]   a word has neighboring rows in one group
//   scales  [groups, out]
//   order   [in]                        each column's group; not in every file
//
// A scheme is "gptq BITS GROUP SCALE VERSION [symmetric] [order|in-order]". Version v1 stores zeros
// less one.
#pragma once
#include <optional>
#include <span>
#include <string>

#include "transposed/form.hpp"
#include "transposed/rows.hpp"

namespace gptq {

enum class Order : uint8_t { absent, in_order, free };

struct Format {
  static constexpr std::string_view key = "gptq";
  static constexpr int64_t tile = 32;  // whole words of zeros, whatever their bits

  transposed::Form form;
  bool less_one = false, symmetric = false;
  Order order = Order::absent;

  // `words` are those of `text` behind the key. Throws for a text that scheme() would not write.
  Format(std::string_view words, std::string_view text);
  Format(const transposed::Form& of, bool v1, bool is_symmetric, Order columns)
      : form(of), less_one(v1), symmetric(is_symmetric), order(columns) {}
  std::string scheme() const;

  // As strata/quant.hpp says. The order may come with its bytes: a weight whose columns lie in the
  // order of their groups has products without being unpacked.
  static std::optional<strata::PackedWeight> recognize(
      const strata::Config* options, std::string_view weight,
      std::span<const strata::WeightTensor> tensors);

  bool ordered() const { return order == Order::free; }
  std::vector<strata::Part> parts(const transposed::Shape& shape) const;
  void turn_codes(const std::byte* codes, const transposed::Shape& shape, int64_t first,
                  int64_t count, std::byte* to, int64_t stride) const;
  void read_zeros(const std::byte* zeros, const transposed::Shape& shape, int64_t group,
                  int64_t first, int64_t count, uint8_t* to) const;

 private:
  uint32_t plus_one(uint32_t word) const;
};

}  // namespace gptq
