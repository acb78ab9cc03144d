// Products with blocks, as a quant plugin's can, workspace and linear ask for them.
#pragma once
#include <kernels/host_products.hpp>
#include <span>
#include <strata/quant.hpp>
#include <vector>

namespace strata::kernels {

// Whether the kernels compute it.
inline bool multiplies(Block block, const ProductKind& kind) {
  return computes(kind) && can(block, kind.weight[1]);
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

// The weights of a grouped product, whose ends are checked; memory_of(parts) checks one's parts and
// gives its memory.
template <class F>
std::vector<Share> shares_of(const GroupedProduct& product, F&& memory_of) {
  check_ends(product);
  std::vector<Share> out;
  for (const auto& one : product.weights)
    out.push_back({memory_of(std::span<const Memory>(one.parts)), one.end});
  return out;
}

}  // namespace strata::kernels
