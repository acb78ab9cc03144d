#include <array>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstring>
#include <set>
#include <vector>

#include "core/dry_run/recorder.hpp"
#include "core/ops/list.hpp"
#include "core/ops/op_table.hpp"
#include "core/plugin/plain.hpp"

using namespace strata;
using namespace strata::ops;
using shape::Dims, shape::Scope, shape::Value;

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

// Gives the shapes of an op's results; the arguments are as in the ABI.
template <auto field, class... A>
void shapes(const Scope& scope, const shape::Row<field>& op, std::span<Value> out, A... args) {
  const shape::ArgumentsOf<field> values{args...};
  op.shape(scope, shape::Args(values), out);
}
template <auto field, class... A>
Dims dims(const Scope& scope, const shape::Row<field>& op, A... args) {
  Value out;
  shapes(scope, op, {&out, 1}, args...);
  return out.dims;
}

strata_op_linear product(uint32_t weight, uint32_t members, uint32_t bias = STRATA_NONE) {
  return {{sizeof(strata_op_linear), 0}, weight, members, bias};
}

}  // namespace

TEST_CASE("every function of the ABI's table has a row with its name and number", "[ops]") {
  const auto& table = *op_table();
  std::array<void (*)(), shape::op_numbers> functions{};
  static_assert(sizeof functions == sizeof table);
  std::memcpy(functions.data(), &table, sizeof table);
  // Its header takes the place of the first pointers.
  constexpr auto first = sizeof(strata_hdr) / sizeof(void*);
  std::set<std::string_view> names;
  for (auto i = first; i < functions.size(); ++i) {
    INFO("field " << i - first);
    REQUIRE(functions[i] != nullptr);
    REQUIRE(by_number()[i] != nullptr);
    REQUIRE(by_number()[i]->number == i);
    names.insert(by_number()[i]->name);
  }
  REQUIRE(names.size() == functions.size() - first);
  REQUIRE(rows::weight.number == first);
  REQUIRE(rows::concat.number == offsetof(strata_ops, concat) / sizeof(void*));
}

TEST_CASE("ops without arithmetic refuse by the op's name", "[ops]") {
  Ops ops;
  plugin::PlainOps plain;
  const auto x = ops.x({5, 8});
  plugin::Handle out;
  REQUIRE_THROWS_WITH(plugin::run(plain, rows::activation, {&out, 1}, STRATA_SILU, x.get()),
                      "activation: there is no arithmetic in this call: it needs the compute half");
  REQUIRE(!out);
}

TEST_CASE("a product takes a single weight or a whole group", "[ops]") {
  Ops ops;
  const auto x = ops.x({5, 8});
  std::array<Value, 2> out;
  const auto made = [&](const strata_op_linear& op) {
    shapes(ops.scope, rows::linear, std::span(out).first(op.members), &op, x.get());
  };
  made(product(0, 2));
  REQUIRE(out[0].dims == Dims{5, 6});
  REQUIRE(out[1].dims == Dims{5, 4});
  REQUIRE_NOTHROW(made(product(1, 1)));
  REQUIRE_THROWS_WITH(made(product(1, 2)),
                      Catch::Contains("layers.0: linear") && Catch::Contains("whole group"));
  REQUIRE_THROWS_WITH(made(product(0, 2, 2)),
                      Catch::Contains("bias: the 2 weights from weight 2 'alone' [6,4] on") &&
                          Catch::EndsWith("not one whole group: declare the biases as a second "
                                          "group in the order of the weights"));
  REQUIRE_THROWS_WITH(made(product(2, 1)),
                      Catch::Contains("weight 2 'alone' [6,4] does not take x float32 [5,8]"));
  REQUIRE_THROWS_WITH(made(product(STRATA_NONE - 1, 2)),
                      Catch::Contains("no weight 4294967294, the unit declares 4"));
}

TEST_CASE("heads split and merge as their widths say", "[ops]") {
  Ops ops;
  const auto flat = ops.x({5, 8}), apart = ops.x({5, 4, 2}), fused = ops.x({5, 24}),
             odd = ops.x({5, 25});
  REQUIRE(dims(ops.scope, rows::heads, STRATA_SINGLE, 0, 4, 2, flat.get()) == Dims{5, 4, 2});
  REQUIRE(dims(ops.scope, rows::heads, STRATA_MERGED, 0, 0, 0, apart.get()) == Dims{5, 8});
  std::array<Value, 3> out;
  shapes(ops.scope, rows::heads, out, STRATA_FUSED, 4, 2, 3, fused.get());
  REQUIRE(out[0].dims == Dims{5, 4, 3});
  REQUIRE(out[2].dims == Dims{5, 2, 3});
  REQUIRE_THROWS(shapes(ops.scope, rows::heads, out, STRATA_FUSED, 4, 2, 3, odd.get()));
  REQUIRE_THROWS(dims(ops.scope, rows::heads, 9, 4, 2, 3, fused.get()));
}

TEST_CASE("a tensor is cut along its last dimension and put together again", "[ops]") {
  Ops ops;
  std::array<Value, 2> out;
  const auto x = ops.x({5, 3, 8}), one = ops.x({5, 1, 2}), two = ops.x({5, 2, 2}),
             flat = ops.x({5, 8});
  const uint32_t widths[] = {6, 2}, nothing[] = {8, 0}, few[] = {3, 4};
  shapes(ops.scope, rows::split, out, widths, 2, x.get());
  REQUIRE(out[0].dims == Dims{5, 3, 6});
  REQUIRE(out[1].dims == Dims{5, 3, 2});
  for (const auto* wrong : {nothing, few})
    REQUIRE_THROWS_WITH(shapes(ops.scope, rows::split, out, wrong, 2, x.get()),
                        Catch::Contains("split: x float32 [5,3,8] is not in parts of"));
  REQUIRE_THROWS(shapes(ops.scope, rows::split, std::span(out).first(1), widths, 2, x.get()));
  const auto joined = [&](std::vector<strata_tensor*> in) {
    return dims(ops.scope, rows::concat, in.data(), static_cast<uint32_t>(in.size()));
  };
  REQUIRE(joined({x.get(), one.get(), x.get()}) == Dims{5, 3, 18});
  REQUIRE(joined({one.get(), x.get()}) == Dims{5, 3, 10});
  REQUIRE_THROWS_WITH(joined({x.get(), two.get()}),
                      Catch::Contains("[5,3,8]") && Catch::Contains("[5,2,2]"));
  REQUIRE_THROWS(joined({x.get(), flat.get()}));
  REQUIRE_THROWS(joined({}));
}

TEST_CASE("parts of a tensor are held as the whole is, what is put together is new", "[ops]") {
  Ops ops;
  const uint32_t widths[] = {6, 2};
  std::array<plugin::Handle, 2> parts;
  plugin::Handle whole;
  const auto x = ops.x({5, 8});
  plugin::run(ops.recorder, rows::split, parts, widths, 2, x.get());
  REQUIRE(ops.recorder.peak_bytes() == 5 * 8 * 4);
  strata_tensor* const both[] = {parts[0].get(), parts[1].get()};
  plugin::run(ops.recorder, rows::concat, {&whole, 1}, both, 2);
  REQUIRE(ops.recorder.peak_bytes() == 2 * 5 * 8 * 4);
}

TEST_CASE("a weight is not counted, and an op's own memory only while it computes", "[ops]") {
  Ops ops;
  plugin::Handle weight, results[2];
  const auto x = ops.x({5, 8});
  plugin::run(ops.recorder, rows::weight, {&weight, 1}, 0);
  REQUIRE(weight.get()->view().shape[0] == 6);
  REQUIRE(ops.recorder.peak_bytes() == 5 * 8 * 4);
  const strata_op_norm op{{sizeof op, 0}, STRATA_RMS_NORM, 0, 3, STRATA_NONE, 1e-5, 0};
  for (std::size_t i = 0; i < 2; ++i) {
    plugin::run(ops.recorder, rows::norm, {&results[i], 1}, &op, x.get());
    REQUIRE(ops.recorder.peak_bytes() == (2 + i) * 5 * 8 * 4 + 2 * 5 * 8 * 4);
  }
}

TEST_CASE("operands that do not fit are refused with their shapes", "[ops]") {
  Ops ops;
  const auto q = ops.x({5, 6, 4}), k = ops.x({5, 4, 4}), two = ops.x({5, 2, 4});
  strata_op_attention op{};
  op.sinks = STRATA_NONE;
  REQUIRE_THROWS_WITH(dims(ops.scope, rows::attention, &op, q.get(), k.get(), k.get()),
                      Catch::Contains("[5,6,4]") && Catch::Contains("[5,4,4]"));
  REQUIRE(dims(ops.scope, rows::attention, &op, q.get(), two.get(), two.get()) == Dims{5, 24});
  const auto x = ops.x({5, 8}), other = ops.x({4, 8}), half = ops.x({5, 8}, {STRATA_FLOAT, 16, 1}),
             odd = ops.x({5, 7});
  REQUIRE_THROWS_WITH(dims(ops.scope, rows::gated, STRATA_SILU, x.get(), other.get()),
                      Catch::Contains("differ"));
  REQUIRE_THROWS_WITH(dims(ops.scope, rows::gated, STRATA_SILU, odd.get(), nullptr),
                      Catch::Contains("halves"));
  REQUIRE(dims(ops.scope, rows::gated, STRATA_SILU, x.get(), nullptr) == Dims{5, 4});
  REQUIRE_THROWS_WITH(dims(ops.scope, rows::activation, STRATA_SILU, half.get()),
                      Catch::Contains("float16 [5,8] is not float32"));
}

TEST_CASE("experts with what does not fit their router are refused", "[ops]") {
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
  REQUIRE(dims(scope, rows::moe, &op, x.get()) == Dims{5, 8});
  const auto refused = [&](auto change, const std::string& words) {
    auto other = op;
    change(other);
    REQUIRE_THROWS_WITH(dims(scope, rows::moe, &other, x.get()), Catch::Contains(words));
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

TEST_CASE("a name without an op is answered with what there is", "[ops]") {
  Ops ops;
  const strata_str fold{STRATA_STR("fold")};
  plugin::Handle out;
  REQUIRE_THROWS_WITH(plugin::run(ops.recorder, rows::call, {&out, 1}, fold, fold, nullptr, 0),
                      "layers.0: call: no op 'fold'; there are weight, embedding, positions, "
                      "linear, norm, rope, attention, moe, activation, gated, elementwise, heads, "
                      "dropout, split, concat, each by its own function: correct the family or its "
                      "configuration");
}
