#include "core/plugin/family.hpp"

#include <catch2/catch.hpp>

#include "core/dry_run/measure.hpp"
#include "core/dry_run/recorder.hpp"
#include "core/error.hpp"
#include "core/ops/op_table.hpp"
#include "core/plugin/declaration.hpp"
#include "core/plugin/tensor_table.hpp"
#include "tests/sdk/core/shape/family.hpp"

using namespace strata;

namespace {

// A family whose body a test declares.
template <auto body>
struct Declares {
  explicit Declares(const Config&) {}
  void declare(Declarer& d) const {
    d.embedding().weight("embed.weight", {7, 4});
    body(d.unit("a.", "half"));
    d.head().weight("head.weight", {7, 4});
  }
  Tensor forward(const Ops& op, int64_t unit, Tensor x) const {
    return unit == 0 ? op.embedding(x, "embed") : op.linear(x, "missing");
  }
};

template <auto body>
void refused(const char* says) {
  REQUIRE_THROWS_WITH(Opened<Declares<body>>(), Catch::Contains(says));
}

}  // namespace

TEST_CASE("units that break the rules are refused by name", "[plugin][family]") {
  refused<[](Declarer& d) { d.weight("x", {4}).weight("x", {4}); }>("a.x");
  refused<[](Declarer& d) { d.weight("x", {0}); }>("[0] is no shape");
  refused<[](Declarer& d) { d.weight("x", {int64_t{1} << 40, int64_t{1} << 40}); }>("is no shape");
  refused<[](Declarer& d) {
    d.group({{"x", {4, 3}}, {"y", {4, 2}}});
  }>("cannot lie in a group with a.x: correct the family's declare");
  refused<[](Declarer& d) {
    d.group({{"x", {4, 3}}, {"x.bias", {4}}});
  }>("cannot lie in a group with a.x: declare the biases as a second group in the order");
  refused<[](Declarer& d) { d.unit("", "b").weight("embed.weight", {8, 4}); }>("in another unit");
  refused<[](Declarer& d) { d.head().weight("h", {1, 1}); }>("the last the head");
}

TEST_CASE("the embedding has one table and the head one matrix of its own", "[plugin][family]") {
  struct Projected {
    explicit Projected(const Config&) {}
    void declare(Declarer& d) const {
      d.embedding().weight("norm", {4}).weight("embed", {7, 3}).weight("at", {9, 4});
      d.weight("in", {4, 3});
      d.head().weight("out", {3, 4}).weight("embed", {7, 3}).weight("bias", {7});
    }
    Tensor forward(const Ops& op, int64_t, const Tensor& x) const {
      return op.embedding(x, "embed");
    }
  };
  const Opened<Projected> family;
  std::vector<uint32_t> roles;
  for (const auto& unit : family->units())
    for (const auto& weight : unit.weights) roles.push_back(weight.role);
  REQUIRE(roles == std::vector<uint32_t>{STRATA_VECTOR, STRATA_TABLE, STRATA_MATRIX, STRATA_MATRIX,
                                         STRATA_MATRIX, STRATA_HEAD, STRATA_VECTOR});
}

TEST_CASE("a weight that the unit does not have is named", "[plugin][family]") {
  const Opened<Declares<[](Declarer& d) { d.weight("x", {4}); }>> family;
  REQUIRE_THROWS_WITH(dry_run::measure(*family, 1, {}), Catch::Contains("'missing'"));
}

TEST_CASE("a weight that is named in the place of its module gets a hint", "[plugin][family]") {
  struct Mistaken : Declares<[](Declarer& d) { d.weight("x.weight", {4, 4}); }> {
    using Declares::Declares;
    Tensor forward(const Ops& op, int64_t unit, Tensor x) const {
      if (unit == 0) return op.embedding(x, "embed");
      return op.linear(x, unit == 1 ? "x.weight" : "y.weight");
    }
  };
  const Opened<Mistaken> family;
  REQUIRE_THROWS_WITH(dry_run::measure(*family, 1, {}),
                      Catch::EndsWith("weight 'x.weight': the unit did not declare it: name its "
                                      "module, without .weight"));
  REQUIRE_THROWS_WITH(dry_run::measure(*family, 2, {}),
                      Catch::EndsWith("weight 'y.weight': the unit did not declare it"));
}

TEST_CASE("a family says which tensors are passed over, an older one none", "[plugin][family]") {
  constexpr auto words = [](Declarer& d) { d.pass_over("layers.3.").pass_over("mtp"); };
  const Opened<Declares<words>> family;
  REQUIRE(family->passed_over() == std::vector<std::string>{"layers.3.", "mtp"});
  refused<[](Declarer& d) { d.pass_over(""); }>("pass_over: a word of 1 to 1024 bytes");
  auto table = ModelTable<Declares<words>, abi::Literal("test")>::table;
  table.hdr.size = offsetof(strata_model, pass_over);
  REQUIRE(plugin::passed_over(table, nullptr, "older").empty());
}

TEST_CASE("a table without a required function is refused by its name", "[plugin][family]") {
  auto table = ModelTable<Declares<[](Declarer&) {}>, abi::Literal("test")>::table;
  table.forward = nullptr;
  const plugin::Host host(plugin::config_table(), ops::op_table());
  REQUIRE_THROWS_WITH(plugin::Family(&table, "mine", host.table(), nullptr),
                      Catch::Contains("model/mine") && Catch::Contains("forward"));
}

TEST_CASE("arguments of an older plugin are filled, of a newer one refused", "[plugin][ops]") {
  const plugin::DeclaredUnit unit{"u", STRATA_UNIT_BODY, {{"n", {8}}}};
  dry_run::Recorder recorder(unit, 2, {});
  plugin::Call call{{{sizeof(strata_call), 0}, nullptr, nullptr, {STRATA_CPU, 0}}, &recorder};
  const auto x = recorder.input({{STRATA_FLOAT, 32, 1}, {2, 8}});
  struct {
    strata_op_norm known;
    uint64_t newer = 0;
  } op{{{sizeof(strata_op_norm) + 8, 0}, STRATA_RMS_NORM, 0, 0, STRATA_NONE, 1e-5, 0}};
  const auto& ops = *ops::op_table();
  strata_tensor* out = nullptr;
  REQUIRE(ops.norm(&call.seen, &op.known, x.get(), &out) == STRATA_OK);
  plugin::tensor_table()->release(out);
  op.known.hdr.size = offsetof(strata_op_norm, offset);
  REQUIRE(ops.norm(&call.seen, &op.known, x.get(), &out) == STRATA_OK);
  plugin::tensor_table()->release(out);
  out = nullptr;
  op.known.hdr.size = sizeof(op), op.newer = 1;
  REQUIRE(ops.norm(&call.seen, &op.known, x.get(), &out) == STRATA_INVALID);
  REQUIRE(ops.norm(&call.seen, nullptr, x.get(), &out) == STRATA_INVALID);
  REQUIRE(ops.norm(&call.seen, &op.known, nullptr, &out) == STRATA_INVALID);
  REQUIRE(out == nullptr);
}

TEST_CASE("a plugin's parts that are missing or too many are refused", "[plugin][ops]") {
  const plugin::DeclaredUnit unit{"u", STRATA_UNIT_BODY, {}};
  dry_run::Recorder recorder(unit, 2, {});
  plugin::Call call{{{sizeof(strata_call), 0}, nullptr, nullptr, {STRATA_CPU, 0}}, &recorder};
  const auto x = recorder.input({{STRATA_FLOAT, 32, 1}, {2, 17}});
  const auto& ops = *ops::op_table();
  const std::vector<uint32_t> ones(17, 1);
  const std::vector<strata_tensor*> same(17, x.get());
  strata_tensor* const missing[] = {x.get(), nullptr};
  std::vector<strata_tensor*> out(17);
  REQUIRE(ops.split(&call.seen, ones.data(), 17, x.get(), out.data()) == STRATA_INVALID);
  REQUIRE(ops.split(&call.seen, ones.data(), 0, x.get(), out.data()) == STRATA_INVALID);
  REQUIRE(ops.split(&call.seen, nullptr, 2, x.get(), out.data()) == STRATA_INVALID);
  REQUIRE(ops.concat(&call.seen, same.data(), 17, out.data()) == STRATA_INVALID);
  REQUIRE(ops.concat(&call.seen, missing, 2, out.data()) == STRATA_INVALID);
  REQUIRE(ops.concat(&call.seen, nullptr, 2, out.data()) == STRATA_INVALID);
  REQUIRE(out == std::vector<strata_tensor*>(17));
  REQUIRE(ops.concat(&call.seen, same.data(), 16, out.data()) == STRATA_OK);
  REQUIRE(out[0]->view().shape[1] == 16 * 17);
  plugin::tensor_table()->release(out[0]);
}

TEST_CASE("a thread has the roles that it was given, while it holds them", "[plugin][host]") {
  const plugin::Host host(plugin::config_table(), ops::op_table());
  const auto has = [&](int32_t role) { return host.table()->on_thread(host.table(), role) == 1; };
  REQUIRE_FALSE(has(STRATA_RANK_THREAD));
  {
    const plugin::ThreadRole rank(STRATA_RANK_THREAD);
    REQUIRE(has(STRATA_RANK_THREAD));
    REQUIRE_FALSE(has(STRATA_IO_THREAD));
  }
  REQUIRE_FALSE(has(STRATA_RANK_THREAD));
}
