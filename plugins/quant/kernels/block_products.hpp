// Products with blocks, as a quant plugin's can, workspace and linear ask for them.
#pragma once
#include <kernels/host_products.hpp>
#include <span>
#include <strata/quant.hpp>
#include <string>
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
