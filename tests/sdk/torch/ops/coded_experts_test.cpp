#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>

#include "core/error.hpp"
#include "core/ops/grouped_rows.hpp"
#include "core/run/input_squares.hpp"
#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/ops/rows_codec.hpp"
#include "torch/form.hpp"
#include "torch/ops/moe.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

constexpr int64_t hidden = 24, ffn = 37, all = 6;
constexpr strata_dtype f32{STRATA_FLOAT, 32, 1}, u8{STRATA_UINT, 8, 1};
enum : uint32_t { gate, up, down, gate_bias, up_bias, down_bias };

int64_t rows_of(uint32_t index) { return index == down || index == down_bias ? hidden : ffn; }
int64_t columns_of(uint32_t index) { return index == down ? ffn : hidden; }

// The same random numbers for every run: codes and scales of each expert's matrices, and biases.
struct Numbers {
  Numbers() {
    for (int64_t e = 0; e < all; ++e) {
      auto& one = experts.emplace_back();
      for (const auto index : {gate, up, down}) {
        one.push_back(at::randint(0, 255, {rows_of(index), columns_of(index)}, at::kByte));
        one.push_back(at::randn({rows_of(index), 1}, at::kFloat).mul(0.004));
      }
      for (const auto index : {gate_bias, up_bias, down_bias})
        one.push_back(at::randn({rows_of(index)}, at::kFloat));
    }
  }
  std::vector<std::vector<at::Tensor>> experts;
};

// Experts in memory of their own, each with its matrices dense or in the codec's form, which may
// stay in their places.
struct Held : run::Experts {
  Held(const Numbers& numbers, const std::function<bool(int64_t)>& coded, bool stay) : stays(stay) {
    forms.resize(all);
    memory.resize(all);
    for (int64_t e = 0; e < all; ++e) {
      const auto& of = numbers.experts[static_cast<std::size_t>(e)];
      for (const auto index : {gate, up, down}) {
        const auto &codes = of[2 * index], &scales = of[2 * index + 1];
        const auto rows = rows_of(index), columns = columns_of(index);
        if (coded(e))
          put(e, index, {codes, scales},
              source::packed_form("rows", {{.role = "codes", .dtype = u8, .shape = {rows, columns}},
                                           {.role = "scales", .dtype = f32, .shape = {rows, 1}}}));
        else
          put(e, index, {test::dense_of(codes, scales).to(at::kFloat)},
              source::dense_form(f32, {rows, columns}));
      }
      for (const auto index : {gate_bias, up_bias, down_bias})
        put(e, index, {of[3 + index]}, source::dense_form(f32, {rows_of(index)}));
    }
  }

  // Appends a weight's parts to an expert's memory.
  void put(int64_t e, uint32_t index, const std::vector<at::Tensor>& parts, source::Form form) {
    auto& w = forms[static_cast<std::size_t>(e)].weights.emplace_back();
    auto& to = memory[static_cast<std::size_t>(e)];
    w.name = "experts." + std::to_string(e) + "." + std::to_string(index);
    w.shape = {rows_of(index)};
    if (index <= down) w.shape.push_back(columns_of(index));
    w.run = std::move(form);
    w.run.at = (to.size() + 255) / 256 * 256;
    to.resize(w.run.at);
    for (const auto& part : parts) {
      const auto* from = static_cast<const std::byte*>(part.const_data_ptr());
      to.insert(to.end(), from, from + part.nbytes());
    }
  }

  void need(uint32_t, std::span<const uint32_t> experts) override {
    wanted.assign(experts.begin(), experts.end());
    at = 0;
  }
  Expert take() override {
    const auto e = wanted.at(at++);
    return {&forms[e], memory[e].data()};
  }
  std::vector<Expert> take_all() override {
    std::vector<Expert> out;
    while (stays && at < wanted.size()) out.push_back(take());
    return out;
  }

  bool stays;
  std::vector<zero::Unit> forms;
  std::vector<std::vector<std::byte>> memory;
  std::vector<uint32_t> wanted;
  std::size_t at = 0;
};

// A router over the experts, and the codec of their form.
struct Layer {
  explicit Layer(const strata_quant* table = test::grouping_table())
      : codec(table, "rows", reinterpret_cast<const strata_host*>(&state), "rows"),
        find([this](const std::string&) -> const plugin::Codec& { return codec; }) {
    state.most = ops::grouped_rows;
    op.router_bias = STRATA_NONE;
    op.gate = gate, op.up = up, op.down = down, op.top_k = 2, op.scale = 1;
    op.route = STRATA_ROUTE_SOFTMAX, op.activation = STRATA_SILU;
    op.gate_bias = gate_bias + 1, op.up_bias = up_bias + 1, op.down_bias = down_bias + 1;
    op.limit = 2, op.up_offset = 1;
  }
  at::Tensor sum(Held& held, const at::Tensor& x, run::InputSquares* inputs = nullptr) {
    const CodecCall how{&find, &call};
    state.products = state.grouped = 0;
    state.unpacked = 0;
    return moe(op, x, {router, {}, {}}, 0, held,
               {.adapters = &adapters, .codec = &how, .inputs = inputs});
  }

  strata_op_moe op{};
  at::Tensor router = at::randn({all, hidden}, at::kFloat);
  Adapters adapters;
  test::Rows state;
  plugin::Codec codec;
  run::FindCodec find;
  strata_call call{};
};

bool every(int64_t) { return true; }
bool none(int64_t) { return false; }

}  // namespace

TEST_CASE("experts in their codec's form are what the same dense ones are", "[torch][moe][coded]") {
  const c10::InferenceMode unrecorded;
  const Numbers numbers;
  Layer layer;
  layer.state.most = GENERATE(0, 4, 64);
  layer.op.gate = GENERATE(as<uint32_t>(), gate, STRATA_NONE);
  if (layer.op.gate == STRATA_NONE)
    layer.op.gate_bias = 0, layer.op.limit = 0, layer.op.up_offset = 0;
  Held coded(numbers, every, GENERATE(true, false)), dense(numbers, none, false);
  const auto x = at::randn({GENERATE(1, 7, 100), hidden}, at::kFloat);
  const auto made = layer.sum(coded, x);
  CHECK(layer.state.products + layer.state.grouped + layer.state.unpacked > 0);
  CHECK(test::apart(made, layer.sum(dense, x)) < 1e-5);
  CHECK(layer.state.products + layer.state.grouped + layer.state.unpacked == 0);
}

TEST_CASE("experts that stay share each product, with the bits of their own ones",
          "[torch][moe][coded]") {
  const c10::InferenceMode unrecorded;
  const Numbers numbers;
  Layer layer;
  Held staying(numbers, every, true), coming(numbers, every, false);
  const auto tokens = GENERATE(1, 7, ops::grouped_rows / 2);
  const auto x = at::randn({tokens, hidden}, at::kFloat);
  const auto together = layer.sum(staying, x);
  CHECK(layer.state.grouped == 3);
  CHECK(layer.state.products == 0);
  CHECK(staying.at == staying.wanted.size());
  CHECK(layer.sum(coming, x).equal(together));
  CHECK(layer.state.grouped == 0);
  CHECK(layer.state.products == static_cast<int>(3 * coming.wanted.size()));
  // An expert's own bytes are used: one more bit changes the tokens that chose it.
  auto& byte = staying.memory[staying.wanted.back()][5];
  byte ^= std::byte{0x40};
  CHECK_FALSE(layer.sum(staying, x).equal(together));
}

TEST_CASE("the inputs of experts are noted by expert, whether they share products or not",
          "[torch][moe][coded]") {
  const c10::InferenceMode unrecorded;
  const Numbers numbers;
  Layer layer;
  Held staying(numbers, every, true), coming(numbers, every, false);
  const auto x = at::randn({7, hidden}, at::kFloat);
  run::InputSquares shared, alone;
  layer.sum(staying, x, &shared);
  CHECK(layer.state.grouped == 3);
  layer.sum(coming, x, &alone);
  CHECK(layer.state.grouped == 0);
  std::vector<double> gates(hidden);
  for (int64_t e = 0; e < all; ++e) {
    const bool chosen = std::ranges::count(coming.wanted, e) > 0;
    for (const auto index : {gate, up, down}) {
      const auto name = "experts." + std::to_string(e) + "." + std::to_string(index);
      const auto *one = shared.of(name), *other = alone.of(name);
      REQUIRE((one != nullptr) == chosen);
      REQUIRE((other != nullptr) == chosen);
      if (!chosen) continue;
      REQUIRE(one->size() == static_cast<std::size_t>(columns_of(index)));
      for (std::size_t i = 0; i < one->size(); ++i)
        REQUIRE((*one)[i] == Approx((*other)[i]).epsilon(1e-5));
      if (index == gate)
        for (std::size_t i = 0; i < one->size(); ++i) gates[i] += (*one)[i];
    }
  }
  const auto squares = x.square().sum(0);  // each token goes to top_k experts
  for (int64_t i = 0; i < hidden; ++i)
    CHECK(gates[static_cast<std::size_t>(i)] ==
          Approx(layer.op.top_k * squares[i].item<double>()).epsilon(1e-5));
}

TEST_CASE("experts are computed one by one where they cannot share a product",
          "[torch][moe][coded]") {
  const c10::InferenceMode unrecorded;
  const Numbers numbers;
  const auto few = at::randn({3, hidden}, at::kFloat),
             many = at::randn({ops::grouped_rows / 2 + 1, hidden}, at::kFloat);
  Held all_coded(numbers, every, true), some(
                                            numbers, [](int64_t e) { return e % 2 == 0; }, true);
  Layer alone(test::rows_table()), grouping;
  alone.sum(all_coded, few);
  CHECK(alone.state.products > 0);  // a codec without such products
  grouping.state.most = 4;          // a codec that multiplies fewer rows
  grouping.sum(all_coded, few);
  CHECK(grouping.state.grouped == 0);
  grouping.state.most = 1000;
  grouping.sum(all_coded, many);
  CHECK(grouping.state.grouped == 0);
  CHECK(grouping.state.products > 0);
  grouping.op.top_k = all;  // all experts, of two forms
  const auto mixed = grouping.sum(some, few);
  CHECK(grouping.state.grouped == 0);
  CHECK(test::apart(mixed, grouping.sum(all_coded, few)) < 1e-5);
  CHECK(grouping.state.grouped == 3);
}

TEST_CASE("an adapter's products are added to those that experts share", "[torch][moe][coded]") {
  const c10::InferenceMode unrecorded;
  const Numbers numbers;
  Layer layer;
  const auto x = at::randn({5, hidden}, at::kFloat);
  Held staying(numbers, every, true), coming(numbers, every, false);
  const auto without = layer.sum(staying, x);
  for (const auto index : {gate, down}) {
    adapter::Module module;
    module.in = columns_of(index), module.out = rows_of(index);
    module.uses = {{.weight = staying.forms[staying.wanted.front()].weights[index].name,
                    .count = rows_of(index)}};
    layer.adapters.add(module, {at::randn({1, 2, columns_of(index)}, at::kFloat),
                                at::randn({1, rows_of(index), 2}, at::kFloat), 1});
  }
  const auto with = layer.sum(staying, x);
  CHECK(layer.state.grouped == 3);
  CHECK_FALSE(with.equal(without));
  CHECK(layer.sum(coming, x).equal(with));
}

TEST_CASE("experts in a codec's form are refused where no codec is given", "[torch][moe][coded]") {
  const c10::InferenceMode unrecorded;
  const Numbers numbers;
  const Layer layer;
  Held held(numbers, every, true);
  CHECK_THROWS_AS(moe(layer.op, at::randn({1, hidden}, at::kFloat), {layer.router, {}, {}}, 0, held,
                      {.adapters = &layer.adapters}),
                  Error);
}

}  // namespace strata::torch
