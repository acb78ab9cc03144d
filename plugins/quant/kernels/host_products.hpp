// Products on the CPU, as a quant plugin's can, workspace and linear ask for them.
#pragma once
#include <kernels/packed_linear.hpp>
#include <strata/quant.hpp>
#include <string>

namespace strata::kernels {

// Beyond as many tokens an unpacked tile of the weight, which is used for all of them, costs less
// than decoding blocks for each few. Fast products are computed for any number, since they round
// the vectors and tiles do not: a token's numbers must not depend on the length of its pass.
inline constexpr int64_t most_tokens = 64;

// Whether the kernels compute such products at all; the weight's form decides the rest.
inline bool computes(const ProductKind& kind) {
  const bool number =
      same(kind.dtype, {STRATA_FLOAT, 32, 1}) || same(kind.dtype, {STRATA_BFLOAT, 16, 1});
  const bool host = kind.device.type == STRATA_CPU || kind.device.type == STRATA_PINNED;
  return number && host && kind.weight.size() == 2 && (kind.fast || kind.tokens <= most_tokens);
}

inline Products products_of(bool fast) { return fast ? Products::fast : Products::exact; }

// Throws Failure unless each weight has the rows of x behind those of the one before it, and all
// have all rows.
inline void check_ends(const GroupedProduct& product) {
  int64_t end = 0;
  for (const auto& one : product.weights) {
    if (one.end < end) throw Failure(STRATA_INVALID, "the rows of a weight end before they begin");
    end = one.end;
  }
  if (end != product.x.shape[0])
    throw Failure(STRATA_INVALID, "x has " + std::to_string(product.x.shape[0]) +
                                      " rows, and the weights have " + std::to_string(end));
}

// The host's threads; null: the caller's alone.
inline Run run_on(const strata_threads* threads) {
  if (!threads) return {};
  return {[](void* context, int64_t items, void (*item)(void*, int64_t), void* user) {
            const auto* own = static_cast<const strata_threads*>(context);
            own->run(own, items, item, user);
          },
          const_cast<strata_threads*>(threads)};
}

}  // namespace strata::kernels
