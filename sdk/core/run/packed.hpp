// Units in blocks: which of them tiers hold as they are stored, and what expanding them needs.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/plugin/codec_product.hpp"
#include "core/run/compute.hpp"
#include "core/zero/unit.hpp"

namespace strata::run {

// Whether tiers hold the unit in blocks, which are a fraction of the run form to hold and to fetch.
// Where the ops use the blocks, the run form has them too, and tiers hold that one.
// Rows that are looked up in a tier's memory must be there as they are used: in the run form, or
// all as rows of blocks that contain their scales.
bool stays_packed(const zero::Unit& unit);

// The most bytes that expanding a weight to `dtype` holds between its forms, on the CPU or on
// another device: blocks become the run form directly, except where their rows change places.
uint64_t expansion_bytes(std::span<const zero::Unit> units, strata_dtype dtype,
                         bool separate_device);

// Whether and with how much memory a run computes products with weights in a codec's form.
class CodedProducts {
 public:
  struct Options {
    FindCodec codec;  // empty: it computes none
    strata_dtype dtype{};
    bool separate_device = false;
    bool fast = false;  // x may be rounded to 8 bits
  };
  // Weights of schemes that no plugin knows have no products: the error comes when they are loaded.
  explicit CodedProducts(Options options) : options_(std::move(options)) {}

  // As zero::CodedForm. Dense elements that are narrower than the run's dtype have the scheme of
  // their dtype's name, where a plugin multiplies those.
  std::optional<source::Form> run_form(const source::Form& stored,
                                       std::span<const int64_t> shape) const;
  // The most bytes that a product of the units' weights holds besides x and y, with as many tokens
  // or fewer, of which the head gets `wanted`, and with the rows of several experts at once. Those
  // with more tokens than the plugin computes go by tiles of a dense weight.
  uint64_t bytes(std::span<const zero::Unit> units, int64_t tokens, int64_t wanted) const;

 private:
  source::Form form_of(const plugin::Codec& codec, const std::string& scheme,
                       std::span<const int64_t> shape) const;
  uint64_t product_bytes(const std::string& scheme, std::span<const int64_t> shape,
                         int64_t tokens) const;
  uint64_t grouped_bytes(const std::string& scheme, std::span<const int64_t> shape) const;
  plugin::ProductKind kind(std::span<const int64_t> shape, int64_t tokens) const;

  Options options_;
};

// The elements of a tile of a dense weight, or one row where that is more.
inline constexpr uint64_t coded_tile = 1u << 22;

}  // namespace strata::run
