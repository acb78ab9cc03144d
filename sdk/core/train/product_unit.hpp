// The weights of all low-rank products as one unit, which is trained beside a frozen model.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/optim/workers.hpp"
#include "core/shape/declared.hpp"
#include "core/train/flat.hpp"
#include "core/train/products.hpp"

namespace strata::train {

// Products of one rank and scale beside the modules, in their order.
Products products_of(std::vector<adapter::Module> modules, int64_t rank, double scale,
                     double dropout);

// The unit of their weights, in float32: "<module>.lora_A" [X,r,in] and "<module>.lora_B"
// [X,out,r].
zero::Unit product_unit(const Products& products);

// The bytes of arithmetic that the products of a declared unit hold beside the unit's own, at most:
// for each token of a rerun, and for each token whose logits are computed; `kept` is the part of a
// token's that its backward needs. `chosen`: experts of a token.
struct ProductScratch {
  uint64_t token = 0, wanted = 0, kept = 0;
};
ProductScratch product_scratch(const Products& products, const shape::DeclaredUnit& unit,
                               uint32_t chosen, bool narrow);

// Writes the weights that training begins with, as PEFT draws them: A is uniform within 1/sqrt(in)
// and B zero; of a table A is zero and B normal. A number follows from the seed, the weight's name
// and the element alone. `flat` has the places in `to`.
void draw_products(const Products& products, const zero::Unit& unit, const Flat& flat,
                   uint64_t seed, float* to, optim::Workers& workers);

}  // namespace strata::train
