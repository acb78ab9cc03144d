// Products with a weight as it lies in a codec's parts: what a quant plugin computes of them.
#pragma once
#include <strata/abi/draft/quant.h>

#include <cstdint>
#include <span>
#include <string>

#include "core/plugin/codec.hpp"

namespace strata::plugin {

// A product x [tokens,in] -> y [tokens,out] with a weight [out,in], where x and y are of one dtype
// on one device.
struct ProductKind {
  std::span<const int64_t> weight;  // its shape
  strata_dtype dtype{STRATA_FLOAT, 32, 1};
  strata_device device{STRATA_CPU, 0};
  int64_t tokens = 1;
  bool fast = false;  // x may be rounded to 8 bits
};

// The alignment of the workspace in bytes.
inline constexpr uint64_t workspace_align = 64;

// Whether the plugin computes it; false where it has no products. [any-thread]
bool can_multiply(const Codec& codec, const ProductKind& kind);

// The scheme to whose parts the plugin repacks a weight for such products, for another codec; ""
// where they use the codec's own parts. [any-thread]
std::string run_scheme(const Codec& codec, const ProductKind& kind);

// The bytes of workspace for one that it computes. Refuses more than any product could need.
// [any-thread]
uint64_t workspace_of(const Codec& codec, const ProductKind& kind);

// The memory of one product.
struct ProductArguments {
  strata_call* call = nullptr;
  const strata_parts* parts = nullptr;  // of the weight, in the order of layout
  strata_tensor *x = nullptr, *y = nullptr;
  void* workspace = nullptr;
  const strata_threads* threads = nullptr;
  bool fast = false;  // as the kind's
};

// Computes it on the thread that computes. The caller asked can_multiply before.
void multiply(const Codec& codec, const ProductArguments& arguments);

// Whether the plugin also multiplies with several weights at once; such a product of T rows needs
// what one of T tokens does. [any-thread]
bool can_group(const Codec& codec, const ProductKind& kind);

// One weight of a grouped product, and the row behind its last one of x and y.
struct GroupedParts {
  strata_parts parts{};
  int64_t end = 0;
};

// Computes the products of each weight's rows; `arguments` has no parts. The caller asked can_group
// before.
void multiply_grouped(const Codec& codec, std::span<const GroupedParts> weights,
                      const ProductArguments& arguments);

// Multiplies over plain host memory, where nothing else computes: `parts` in the order of layout, x
// and y contiguous. The workspace is its own.
void multiply(const Codec& codec, const ProductKind& kind, std::span<void* const> parts, void* x,
              void* y, const strata_threads& threads);

// One weight of a grouped product in plain memory.
struct GroupedMemory {
  std::span<void* const> parts;
  int64_t end = 0;
};

// The same with several weights of the kind, whose tokens are all of their rows.
void multiply_grouped(const Codec& codec, const ProductKind& kind,
                      std::span<const GroupedMemory> weights, void* x, void* y,
                      const strata_threads& threads);

}  // namespace strata::plugin
