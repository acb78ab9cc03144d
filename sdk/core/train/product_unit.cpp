#include "core/train/product_unit.hpp"

#include <strata/abi/model.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/run/initial_weights.hpp"
#include "core/run/sampler.hpp"

namespace strata::train {
namespace {

constexpr uint64_t weight_align = 256, grain = 1u << 16;

uint64_t up(uint64_t at) { return (at + weight_align - 1) / weight_align * weight_align; }

void add_weight(zero::Unit& unit, std::string name, std::vector<int64_t> shape) {
  zero::Weight weight;
  weight.name = weight.source.name = std::move(name);
  weight.shape = weight.source.shape = shape;
  weight.role = STRATA_MATRIX;
  weight.run = source::dense_form({STRATA_FLOAT, 32, 1}, std::move(shape));
  weight.run.at = unit.run_bytes;
  weight.source.stored = weight.run;
  unit.run_bytes = unit.stored_bytes = up(weight.run.at + weight.run.bytes);
  unit.weights.push_back(std::move(weight));
}

// Whether one of the module's matrices is the declared weight.
bool changes(const adapter::Module& module, const shape::DeclaredWeight& weight) {
  const auto name = weight.experts > 0 ? source::numbered(weight.name, 0) : weight.name;
  return std::ranges::any_of(module.uses,
                             [&](const adapter::Use& use) { return use.weight == name; });
}

bool changes(const adapter::Module& module, const shape::DeclaredUnit& unit) {
  return std::ranges::any_of(unit.weights, [&](const shape::DeclaredWeight& weight) {
    return (module.kind != adapter::Kind::head) == (weight.role != STRATA_HEAD) &&
           changes(module, weight);
  });
}

}  // namespace

Products products_of(std::vector<adapter::Module> modules, int64_t rank, double scale,
                     double dropout) {
  Products out{.all = {}, .dropout = dropout};
  uint32_t next = 0;
  for (auto& module : modules) {
    out.all.push_back(
        {.module = std::move(module), .rank = rank, .scale = scale, .a = next, .b = next + 1});
    next += 2;
  }
  return out;
}

zero::Unit product_unit(const Products& products) {
  zero::Unit unit;
  unit.name = "adapters";
  unit.kind = STRATA_UNIT_HEAD;  // it is no body, whose input is kept
  for (const auto& [module, rank, scale, a, b] : products.all) {
    const int64_t experts = module.experts;
    add_weight(unit, module.name + ".lora_A", {experts, rank, module.in});
    add_weight(unit, module.name + ".lora_B", {experts, module.out, rank});
  }
  return unit;
}

ProductScratch product_scratch(const Products& products, const shape::DeclaredUnit& unit,
                               uint32_t chosen, bool narrow) {
  ProductScratch out;
  uint64_t largest = 0, largest_wanted = 0;
  for (const auto& product : products.all) {
    const auto& module = product.module;
    if (!changes(module, unit)) continue;
    const auto in = static_cast<uint64_t>(module.kind == adapter::Kind::table ? 0 : module.in),
               rows = static_cast<uint64_t>(module.out), rank = static_cast<uint64_t>(product.rank);
    const uint64_t times = module.experts > 1 ? std::max(chosen, 1u) : 1;
    // The backward needs the input in float32, what dropout leaves of it, and A x.
    const uint64_t kept =
        times * sizeof(float) * ((narrow ? in : 0) + (products.dropout > 0 ? 2 * in : 0) + rank);
    // B A x, the sum, and the gradients of both and of the input are gone behind the product.
    const uint64_t passing = times * sizeof(float) * (4 * rows + 2 * in + rank);
    const bool head = module.kind == adapter::Kind::head;
    (head ? out.wanted : out.token) += kept;
    auto& most = head ? largest_wanted : largest;
    most = std::max(most, passing);
  }
  out.kept = out.token;
  out.token += largest;
  out.wanted += largest_wanted;
  return out;
}

void draw_products(const Products& products, const zero::Unit& unit, const Flat& flat,
                   uint64_t seed, float* to, optim::Workers& workers) {
  for (const auto& product : products.all) {
    const bool table = product.module.kind == adapter::Kind::table;
    for (const auto weight : {product.a, product.b}) {
      const auto* piece = piece_of(flat, weight);
      auto* values = to + piece->first;
      const bool drawn = (weight == product.b) == table;
      const auto key = run::key_of(unit.weights[weight].name);
      const auto bound = 1 / std::sqrt(static_cast<double>(product.module.in));
      workers.run(piece->count, grain, [&](uint64_t first, uint64_t count) {
        if (!drawn)
          std::memset(values + first, 0, count * sizeof(float));
        else
          for (auto i = first; i < first + count; ++i)
            values[i] = static_cast<float>(table ? run::normal(seed, key, i)
                                                 : bound * (2 * run::uniform(seed, key, i) - 1));
      });
    }
  }
}

}  // namespace strata::train
