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

// Whether each form of the tensor that is in blocks is expanded on another device, by its plugin.
// Nobody knows some schemes: the error comes when they are loaded.
bool unpacks_there(const source::Tensor& tensor, const FindCodec& codec);

// Whether tiers hold the unit in blocks, which are a fraction of the run form to hold and to fetch.
// Where the ops use the blocks, the run form has them too, and tiers hold that one.
// Rows that are looked up in a tier's memory must be there as they are used: in the run form, or
// all as rows of blocks that contain their scales. Blocks that their plugin does not expand on the
// device are expanded before.
bool stays_packed(const zero::Unit& unit, const FindCodec& codec, bool separate_device);

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

// The rows of a tile of a dense weight with so many columns. The CPU multiplies a tile that its
// caches hold; another device needs a larger one to be busy, and is several times slower where the
// rows are no multiple of what its products take at once.
constexpr int64_t tile_rows(int64_t columns, bool separate_device) {
  const int64_t elements = separate_device ? 1 << 25 : 1 << 22, at_once = 128;
  const int64_t rows = elements / (columns > 0 ? columns : 1);
  if (rows >= at_once) return rows / at_once * at_once;
  return rows > 0 ? rows : 1;
}

}  // namespace strata::run
