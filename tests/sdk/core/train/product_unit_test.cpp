#include "core/train/product_unit.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "core/adapter/select.hpp"
#include "tests/sdk/core/adapter/units.hpp"

using namespace strata;
using namespace strata::train;

namespace {

Products all_of(const std::vector<shape::DeclaredUnit>& units, int64_t rank) {
  const adapter::Modules modules(units, false);
  return products_of(modules.all(), rank, 2, 0);
}

std::vector<float> drawn(const Products& products, uint64_t seed, uint32_t threads) {
  const auto unit = product_unit(products);
  const auto flat = flat_of(unit);
  std::vector<float> out(flat.elements, 99);
  optim::Workers workers(threads);
  draw_products(products, unit, flat, seed, out.data(), workers);
  return out;
}

}  // namespace

TEST_CASE("the unit of all products has the places of its flat array, in float32",
          "[train][products]") {
  const auto units = declared::mixture();
  const auto products = all_of(units, 3);
  const auto unit = product_unit(products);
  const auto flat = flat_of(unit);
  REQUIRE(flat.pieces.size() == 2 * products.all.size());
  CHECK(flat.elements * sizeof(float) == unit.run_bytes);
  for (const auto& piece : flat.pieces) {
    CHECK(unit.weights[piece.weight].run.at == piece.first * sizeof(float));
    CHECK(piece.matrix);
  }
  for (const auto& one : products.all) {
    const int64_t experts = one.module.experts;
    CHECK(unit.weights[one.a].shape == std::vector<int64_t>{experts, 3, one.module.in});
    CHECK(unit.weights[one.b].shape == std::vector<int64_t>{experts, one.module.out, 3});
  }
}

TEST_CASE("A begins uniform and B zero, the other way round for a table", "[train][products]") {
  const auto units = declared::mixture();
  const auto products = all_of(units, 64);
  const auto flat = flat_of(product_unit(products));
  const auto values = drawn(products, 7, 1);
  for (const auto& one : products.all) {
    INFO(one.module.name);
    const bool table = one.module.kind == adapter::Kind::table;
    const auto& random = *piece_of(flat, table ? one.b : one.a);
    const auto& zeros = *piece_of(flat, table ? one.a : one.b);
    const auto* zero = values.data() + zeros.first;
    CHECK(std::all_of(zero, zero + zeros.count, [](float v) { return v == 0; }));
    const auto* at = values.data() + random.first;
    double sum = 0, squares = 0, most = 0;
    for (uint64_t i = 0; i < random.count; ++i) {
      sum += at[i];
      squares += double{at[i]} * at[i];
      most = std::max(most, std::abs(double{at[i]}));
    }
    const auto count = static_cast<double>(random.count);
    const auto bound = 1 / std::sqrt(static_cast<double>(one.module.in));
    const auto spread = table ? 1 : bound / std::sqrt(3.0);
    CHECK(std::abs(sum / count) < 6 * spread / std::sqrt(count));
    CHECK(std::sqrt(squares / count) == Approx(spread).epsilon(0.25));
    if (!table) CHECK(most <= bound);
  }
}

TEST_CASE("the first weights follow from the seed and the module's name alone",
          "[train][products]") {
  const auto units = declared::mixture();
  const auto products = all_of(units, 5);
  const auto values = drawn(products, 7, 1);
  CHECK(drawn(products, 7, 4) == values);
  CHECK(drawn(products, 8, 1) != values);
  // A product alone has the numbers that it has beside others.
  const auto some = adapter::select(adapter::Modules(units, false), "k_proj");
  const auto alone = products_of(some, 5, 2, 0);
  const auto one = drawn(alone, 7, 1);
  const auto found = std::ranges::find_if(products.all, [&](const TrainedProduct& product) {
    return product.module.name == some.front().name;
  });
  REQUIRE(found != products.all.end());
  const auto flat = flat_of(product_unit(products)), own = flat_of(product_unit(alone));
  const auto& from = *piece_of(flat, found->a);
  const auto& to = *piece_of(own, alone.all.front().a);
  REQUIRE(from.count == to.count);
  CHECK(std::equal(values.data() + from.first, values.data() + from.first + from.count,
                   one.data() + to.first));
}
