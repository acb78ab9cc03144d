#include "core/shape/ops.hpp"

#include <catch2/catch.hpp>

#include "core/dry_run/recorder.hpp"

using namespace strata;
using namespace strata::shape;

namespace {

constexpr strata_dtype f32{STRATA_FLOAT, 32, 1};

// x [T,n], g and h a group [6,8] and [4,8], alone [6,4], n [8].
const plugin::DeclaredUnit unit{"layers.0",
                                STRATA_UNIT_BODY,
                                {{"g", {6, 8}, STRATA_MATRIX, 1},
                                 {"h", {4, 8}, STRATA_MATRIX, 1},
                                 {"alone", {6, 4}},
                                 {"n", {8}}}};

struct Ops {
  dry_run::Recorder recorder{unit, 5, {}};
  Scope scope{&unit, 5, f32};
  plugin::Handle x(Dims dims, strata_dtype dtype = f32) { return recorder.input({dtype, dims}); }
};

strata_op_linear product(uint32_t weight, uint32_t members, uint32_t bias = STRATA_NONE) {
  return {{sizeof(strata_op_linear), 0}, weight, members, bias};
}

}  // namespace

TEST_CASE("a product takes a single weight or a whole group", "[shape]") {
  Ops ops;
  const auto x = ops.x({5, 8});
  Value out[2];
  linear(ops.scope, product(0, 2), x.get()->view(), out);
  REQUIRE(out[0].dims == Dims{5, 6});
  REQUIRE(out[1].dims == Dims{5, 4});
  REQUIRE_NOTHROW(linear(ops.scope, product(1, 1), x.get()->view(), std::span(out).first(1)));
  REQUIRE_THROWS_WITH(linear(ops.scope, product(1, 2), x.get()->view(), out),
                      Catch::Contains("layers.0: linear") && Catch::Contains("whole group"));
  REQUIRE_THROWS_WITH(linear(ops.scope, product(2, 1), x.get()->view(), std::span(out).first(1)),
                      Catch::Contains("weight 2 'alone' [6,4] does not take x float32 [5,8]"));
  REQUIRE_THROWS_WITH(linear(ops.scope, product(STRATA_NONE - 1, 2), x.get()->view(), out),
                      Catch::Contains("no weight 4294967294, the unit declares 4"));
}

TEST_CASE("heads split and merge as their widths say", "[shape]") {
  Ops ops;
  Value out[3];
  heads(ops.scope, STRATA_SINGLE, 0, 4, 2, ops.x({5, 8}).get()->view(), std::span(out).first(1));
  REQUIRE(out[0].dims == Dims{5, 4, 2});
  heads(ops.scope, STRATA_MERGED, 0, 0, 0, ops.x({5, 4, 2}).get()->view(), std::span(out).first(1));
  REQUIRE(out[0].dims == Dims{5, 8});
  heads(ops.scope, STRATA_FUSED, 4, 2, 3, ops.x({5, 24}).get()->view(), out);
  REQUIRE(out[0].dims == Dims{5, 4, 3});
  REQUIRE(out[2].dims == Dims{5, 2, 3});
  REQUIRE_THROWS(heads(ops.scope, STRATA_FUSED, 4, 2, 3, ops.x({5, 25}).get()->view(), out));
  REQUIRE_THROWS(
      heads(ops.scope, 9, 4, 2, 3, ops.x({5, 24}).get()->view(), std::span(out).first(1)));
}

TEST_CASE("a tensor is cut along its last dimension and put together again", "[shape]") {
  Ops ops;
  Value out[2];
  const auto x = ops.x({5, 3, 8}), one = ops.x({5, 1, 2}), two = ops.x({5, 2, 2});
  const uint32_t widths[] = {6, 2}, nothing[] = {8, 0}, few[] = {3, 4};
  split(ops.scope, widths, x.get()->view(), out);
  REQUIRE(out[0].dims == Dims{5, 3, 6});
  REQUIRE(out[1].dims == Dims{5, 3, 2});
  for (const auto& wrong : {nothing, few})
    REQUIRE_THROWS_WITH(split(ops.scope, std::span(wrong, 2), x.get()->view(), out),
                        Catch::Contains("split: x float32 [5,3,8] is not in parts of"));
  REQUIRE_THROWS(split(ops.scope, widths, x.get()->view(), std::span(out).first(1)));
  const strata_view fit[] = {x.get()->view(), one.get()->view(), x.get()->view()};
  REQUIRE(concat(ops.scope, fit).dims == Dims{5, 3, 18});
  const strata_view first[] = {one.get()->view(), x.get()->view()};
  REQUIRE(concat(ops.scope, first).dims == Dims{5, 3, 10});
  const strata_view apart[] = {x.get()->view(), two.get()->view()};
  REQUIRE_THROWS_WITH(concat(ops.scope, apart),
                      Catch::Contains("[5,3,8]") && Catch::Contains("[5,2,2]"));
  const auto flat = ops.x({5, 8});
  const strata_view ranks[] = {x.get()->view(), flat.get()->view()};
  REQUIRE_THROWS(concat(ops.scope, ranks));
  REQUIRE_THROWS(concat(ops.scope, {}));
}

TEST_CASE("parts of a tensor are held as the whole is, what is put together is new", "[shape]") {
  Ops ops;
  const uint32_t widths[] = {6, 2};
  std::array<plugin::Handle, 2> parts;
  const auto x = ops.x({5, 8});
  ops.recorder.split(widths, *x.get(), parts);
  REQUIRE(ops.recorder.peak_bytes() == 5 * 8 * 4);
  strata_tensor* const both[] = {parts[0].get(), parts[1].get()};
  const auto whole = ops.recorder.concat(both);
  REQUIRE(ops.recorder.peak_bytes() == 2 * 5 * 8 * 4);
}

TEST_CASE("operands that do not fit are refused with their shapes", "[shape]") {
  Ops ops;
  const auto q = ops.x({5, 6, 4}), k = ops.x({5, 4, 4}), two = ops.x({5, 2, 4});
  strata_op_attention op{};
  op.sinks = STRATA_NONE;
  REQUIRE_THROWS_WITH(attention(ops.scope, op, q.get()->view(), k.get()->view(), k.get()->view()),
                      Catch::Contains("[5,6,4]") && Catch::Contains("[5,4,4]"));
  REQUIRE(attention(ops.scope, op, q.get()->view(), two.get()->view(), two.get()->view()).dims ==
          Dims{5, 24});
  const auto other = ops.x({4, 8}), half = ops.x({5, 8}, {STRATA_FLOAT, 16, 1});
  const auto second = other.get()->view();
  const auto odd = ops.x({5, 7});
  REQUIRE_THROWS_WITH(gated(ops.scope, STRATA_SILU, ops.x({5, 8}).get()->view(), &second),
                      Catch::Contains("differ"));
  REQUIRE_THROWS_WITH(gated(ops.scope, STRATA_SILU, odd.get()->view(), nullptr),
                      Catch::Contains("halves"));
  REQUIRE(gated(ops.scope, STRATA_SILU, ops.x({5, 8}).get()->view(), nullptr).dims == Dims{5, 4});
  REQUIRE_THROWS_WITH(activation(ops.scope, STRATA_SILU, half.get()->view()),
                      Catch::Contains("float16 [5,8] is not float32"));
}

TEST_CASE("experts with what does not fit their router are refused", "[shape]") {
  const auto of_experts = [](std::string name, std::vector<int64_t> shape) {
    return plugin::DeclaredWeight{std::move(name), std::move(shape), STRATA_MATRIX, 0, 6};
  };
  const plugin::DeclaredUnit mixed{"layers.1",
                                   STRATA_UNIT_BODY,
                                   {{"router", {6, 8}},
                                    of_experts("gate.{}", {4, 8}),
                                    of_experts("up.{}", {4, 8}),
                                    of_experts("down.{}", {8, 4}),
                                    of_experts("bias.{}", {4}),
                                    {"choice", {6}}}};
  Ops ops;
  const Scope scope{&mixed, 5, f32};
  const auto x = ops.x({5, 8});
  strata_op_moe op{};
  op.router = 0, op.router_bias = STRATA_NONE, op.gate = 1, op.up = 2, op.down = 3;
  op.top_k = 3, op.route = STRATA_ROUTE_SIGMOID, op.activation = STRATA_SILU, op.scale = 1;
  op.gate_bias = op.up_bias = 5, op.choice = 6;
  op.groups = 3, op.top_groups = 2, op.group_best = 2;
  REQUIRE(moe(scope, op, x.get()->view()).dims == Dims{5, 8});
  const auto refused = [&](auto change, const std::string& words) {
    auto other = op;
    change(other);
    REQUIRE_THROWS_WITH(moe(scope, other, x.get()->view()), Catch::Contains(words));
  };
  refused([](auto& o) { o.down_bias = 5; }, "down bias: weight 4 'bias.{}' [4] of 6 experts");
  refused([](auto& o) { o.choice = 5; }, "choice");
  refused([](auto& o) { o.choice = 7; }, "no weight 6");
  refused([](auto& o) { o.groups = 4; }, "groups");
  refused([](auto& o) { o.top_groups = 1; }, "1 of 3 groups");
  refused([](auto& o) { o.group_best = 3; }, "by 3 experts each");
  refused([](auto& o) { o.limit = -1; }, "limit");
  refused([](auto& o) { o.gate = STRATA_NONE; }, "no gate");
}

TEST_CASE("a name without an op is answered with what there is", "[shape]") {
  Ops ops;
  REQUIRE_THROWS_WITH(call(ops.scope, "fold"),
                      Catch::Contains("'fold'") && Catch::Contains("rope"));
}

TEST_CASE("lengths whose product does not fit are refused", "[shape]") {
  REQUIRE_THROWS((Dims{int64_t{1} << 40, int64_t{1} << 40}.elements()));
  REQUIRE_THROWS((Dims{-1, 2}.elements()));
}
