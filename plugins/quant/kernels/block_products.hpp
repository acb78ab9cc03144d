// Products with blocks, as a quant plugin's can, workspace and linear ask for them.
#pragma once
#include <kernels/packed_linear.hpp>
#include <span>
#include <strata/quant.hpp>
#include <string>
#include <vector>

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

// The host's threads; null: the caller's alone.
inline Run run_on(const strata_threads* threads) {
  if (!threads) return {};
  return {[](void* context, int64_t items, void (*item)(void*, int64_t), void* user) {
            const auto* own = static_cast<const strata_threads*>(context);
            own->run(own, items, item, user);
          },
          const_cast<strata_threads*>(threads)};
}

// y = x w^T on the host's threads with each of these weights, of a Product or a GroupedProduct
// whose arguments have been checked.
template <class Product>
void multiply(Block block, std::span<const Share> weights, const Product& product) {
  const auto columns = product.x.shape[1], rows = product.y.shape[1];
  linear_grouped(block, rows, columns, weights.data(), static_cast<int64_t>(weights.size()),
                 product.x.data, product.x.dtype, columns, product.y.data, product.y.dtype, rows,
                 static_cast<std::byte*>(product.workspace), run_on(product.threads),
                 products_of(product.fast));
}

// The same with one weight.
inline void multiply(Block block, const std::byte* w, const Product& product) {
  const Share all{w, product.x.shape[0]};
  multiply(block, std::span(&all, 1), product);
}

// The weights of a grouped product; memory_of(parts) checks one's parts and gives its memory.
// Throws Failure unless each has the rows of x behind those of the one before it, and all have all
// rows.
template <class F>
std::vector<Share> shares_of(const GroupedProduct& product, F&& memory_of) {
  std::vector<Share> out;
  int64_t end = 0;
  for (const auto& one : product.weights) {
    if (one.end < end) throw Failure(STRATA_INVALID, "the rows of a weight end before they begin");
    out.push_back({memory_of(std::span<const Memory>(one.parts)), end = one.end});
  }
  if (end != product.x.shape[0])
    throw Failure(STRATA_INVALID, "x has " + std::to_string(product.x.shape[0]) +
                                      " rows, and the weights have " + std::to_string(end));
  return out;
}

}  // namespace strata::kernels
