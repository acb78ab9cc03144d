#include "core/dry_run/measure.hpp"

#include <catch2/catch.hpp>
#include <numeric>

#include "core/error.hpp"
#include "tests/sdk/core/shape/family.hpp"

using namespace strata;

namespace {

// A decoder of 96 layers, hidden 12288, 96 heads: 175 thousand million weights.
struct Large {
  static constexpr int64_t V = 50272, D = 12288, F = 4 * D, L = 96, E = 128;
  explicit Large(const Config&) {}
  void declare(Declarer& d) const {
    d.embedding().weight("embed.weight", {V, D});
    for (int64_t l = 0; l < L; ++l) {
      d.unit("layers." + std::to_string(l) + ".").weight("norm.weight", {D});
      d.group({{"q.weight", {D, D}}, {"k.weight", {D, D}}, {"v.weight", {D, D}}});
      d.weight("o.weight", {D, D}).weight("up.weight", {F, D}).weight("down.weight", {D, F});
    }
    d.head().weight("embed.weight", {V, D});
  }
  Tensor forward(const Ops& op, int64_t unit, Tensor x) const {
    if (unit == 0) return op.embedding(x, "embed");
    if (unit == L + 1) return op.linear(x, "embed");
    auto [q, k, v] = op.linear(op.norm(x, "norm", RmsNorm{}), {"q", "k", "v"});
    q = op.heads(q, E), k = op.heads(k, E), v = op.heads(v, E);
    x = x + op.linear(op.attention(q, k, v, {.layer = unit - 1}), "o");
    return x + op.linear(op.activation(op.linear(x, "up"), STRATA_RELU), "down");
  }
};

// One product alone: x [T,4] -> [T,8].
struct Product {
  explicit Product(const Config&) {}
  void declare(Declarer& d) const {
    d.embedding().weight("embed.weight", {9, 4});
    d.head().weight("head.weight", {8, 4});
  }
  Tensor forward(const Ops& op, int64_t unit, Tensor x) const {
    return unit == 0 ? op.embedding(x, "embed") : op.linear(x, "head");
  }
};

// Five learned positions, of which the first is at row 2.
struct Placed {
  explicit Placed(const Config&) {}
  void declare(Declarer& d) const {
    d.embedding().weight("embed.weight", {9, 4}).weight("at.weight", {7, 4});
    d.head().weight("head.weight", {8, 4});
  }
  Tensor forward(const Ops& op, int64_t unit, Tensor x) const {
    return unit == 0 ? op.embedding(x, "embed") + op.positions("at", 2) : op.linear(x, "head");
  }
};

}  // namespace

TEST_CASE("a shape of 175 thousand million weights is measured without any", "[shape][measure]") {
  const Opened<Large> family;
  double weights = 0;
  for (const auto& unit : family->units()) {
    if (unit.kind == STRATA_UNIT_HEAD) continue;  // tied
    for (const auto& w : unit.weights)
      weights += std::accumulate(w.shape.begin(), w.shape.end(), 1.0,
                                 [](double a, int64_t b) { return a * static_cast<double>(b); });
  }
  REQUIRE(weights > 174e9);
  REQUIRE(weights < 176e9);
  const dry_run::Request request{.tokens = 2048, .keys = 2048, .dtype = {STRATA_BFLOAT, 16, 1}};
  for (uint32_t u = 0; u < family->units().size(); ++u) {
    const auto m = dry_run::measure(*family, u, request);
    REQUIRE(m.columns == (u == 97 ? Large::V : Large::D));
    REQUIRE(m.rows == (u == 97 ? 1 : 2048));
    REQUIRE(m.kv.size() == (u == 0 || u == 97 ? 0 : 1));
    // At the last sum: x twice, q, k, v, up and its activation of 4 each, down, the sum.
    if (!m.kv.empty()) {
      REQUIRE(m.kv[0].layer == u - 1);
      REQUIRE(m.kv[0].heads == 96);
      REQUIRE(m.kv[0].dim_v == 128);
      const uint64_t one = 2048ull * Large::D * 2;
      REQUIRE(m.peak_bytes == 15 * one);
      const double products = 2.0 * 2048 * 12.0 * Large::D * Large::D;
      const double attention = 4.0 * 2048 * 2048 * Large::D;
      REQUIRE(m.flops == Approx(products + attention).epsilon(1e-9));
    }
  }
}

TEST_CASE("a unit's peak is its input with its output, to the byte", "[shape][measure]") {
  const Opened<Product> family;
  const auto m = dry_run::measure(*family, 1, {.tokens = 5, .keys = 5, .wanted = 3});
  REQUIRE(m.rows == 3);
  REQUIRE(m.peak_bytes == 3UL * (4 + 8) * 4);
  REQUIRE(m.flops == 2.0 * 3 * 4 * 8);
  // int64 ids and their rows
  REQUIRE(dry_run::measure(*family, 0, {.tokens = 5, .keys = 5}).peak_bytes == 5 * 8 + 5 * 4 * 4);
}

TEST_CASE("scores are counted for a backend that keeps them", "[shape][measure]") {
  const Opened<Large> family;
  dry_run::Request request{.tokens = 64, .keys = 4096};
  const auto none = dry_run::measure(*family, 1, request).peak_bytes;
  request.attention_bytes = [](const strata_attention_request& r,
                               const dry_run::AttentionBounds& b) -> uint64_t {
    return uint64_t{2} * r.heads * b.tokens * b.max_keys * 4;
  };
  REQUIRE(dry_run::measure(*family, 1, request).peak_bytes > none);
  REQUIRE(dry_run::measure(*family, 1, request).peak_bytes >= 2ull * 96 * 64 * 4096 * 4);
}

TEST_CASE("learned positions bound a sequence, and no others do", "[shape][measure]") {
  const Opened<Placed> placed;
  REQUIRE(dry_run::measure(*placed, 0, {}).positions == 5);
  const auto table = dry_run::measure(*placed, 0, {}).position_table;
  REQUIRE(placed->units()[0].weights[table].name == "at.weight");
  REQUIRE(dry_run::measure(*placed, 1, {}).positions == 0);
}

TEST_CASE("a pass of nothing is refused", "[shape][measure]") {
  const Opened<Product> family;
  REQUIRE_THROWS_AS(dry_run::measure(*family, 0, {.tokens = 0}), Error);
}

TEST_CASE("two attentions that keep one layer's keys and values are refused", "[dry_run]") {
  plugin::DeclaredUnit first, second;
  first.name = "layers.0.";
  second.name = "layers.1.";
  dry_run::Measure measure;
  measure.kv = {{.layer = 3, .heads = 1, .kv_heads = 1, .dim_qk = 4, .dim_v = 4}};
  dry_run::KvLayers layers;
  layers.add(first, measure);
  CHECK_THROWS_WITH(
      layers.add(second, measure),
      "layers.1.: its attention keeps keys and values of layer 3, as that of layers.0. "
      "does: give each attention a layer of its own");
  measure.kv[0].layer = 4;
  CHECK_NOTHROW(layers.add(second, measure));
}
