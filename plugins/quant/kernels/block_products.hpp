// Products with blocks, as a quant plugin's can, workspace and linear ask for them.
#pragma once
#include <kernels/packed_linear.hpp>
#include <strata/quant.hpp>

namespace strata::kernels {

// Beyond as many tokens an unpacked tile of the weight, which is used for all of them, costs less
// than decoding blocks for each few. Fast products are computed for any number, since they round
// the vectors and tiles do not: a token's numbers must not depend on the length of its pass.
inline constexpr int64_t most_tokens = 64;

// Whether the kernels compute it.
inline bool multiplies(Block block, const ProductKind& kind) {
  const auto [code, bits, lanes] = kind.dtype;
  const bool number =
      lanes == 1 && ((code == STRATA_FLOAT && bits == 32) || (code == STRATA_BFLOAT && bits == 16));
  const bool host = kind.device.type == STRATA_CPU || kind.device.type == STRATA_PINNED;
  return number && host && kind.weight.size() == 2 && (kind.fast || kind.tokens <= most_tokens) &&
         can(block, kind.weight[1]);
}

inline Products products_of(bool fast) { return fast ? Products::fast : Products::exact; }

// y = x w^T on the host's threads; the arguments have been checked.
inline void multiply(Block block, const std::byte* w, const Product& product) {
  const auto tokens = product.x.shape[0], columns = product.x.shape[1], rows = product.y.shape[1];
  Run run;
  if (product.threads) {
    run.context = const_cast<strata_threads*>(product.threads);
    run.parallel = [](void* context, int64_t items, void (*item)(void*, int64_t), void* user) {
      const auto* threads = static_cast<const strata_threads*>(context);
      threads->run(threads, items, item, user);
    };
  }
  linear({block, w, rows, columns}, product.x.data, product.x.dtype, columns, product.y.data,
         product.y.dtype, rows, tokens, static_cast<std::byte*>(product.workspace), run,
         products_of(product.fast));
}

}  // namespace strata::kernels
