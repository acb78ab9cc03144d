#include "torch/expand.hpp"

#include <ATen/ops/randn.h>
#include <ATen/ops/remainder.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "torch/form.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

zero::Weight stored_as(std::vector<int64_t> shape, at::ScalarType type) {
  zero::Weight w;
  w.name = "weight";
  w.shape = std::move(shape);
  w.source.stored.dtype = dtype_of(type);
  return w;
}

at::Tensor expanded(const zero::Weight& w, const at::Tensor& stored, at::ScalarType to,
                    const run::Codec& codec = {}) {
  const std::function<run::Codec(const std::string&)> find = [&](const std::string&) {
    return codec;
  };
  strata_call call{};
  auto out = at::empty(w.shape, to);
  expand(w, w.shape, static_cast<const std::byte*>(stored.const_data_ptr()),
         static_cast<std::byte*>(out.data_ptr()), {&find, &call, to, at::kCPU});
  return out;
}

// Blocks of two signed bytes, each an element: a scheme of the test alone.
strata_status unpack_bytes(strata_self*, strata_call*, const strata_parts* parts,
                           strata_tensor* weight) {
  const auto from = value_of(*parts->p[0]).view(at::kChar);
  value_of(*weight).copy_(from);
  return STRATA_OK;
}

}  // namespace

TEST_CASE("a dense weight is cast from every dtype to every other", "[torch][expand]") {
  const auto from = GENERATE(at::kFloat, at::kBFloat16, at::kHalf, at::kDouble);
  const auto to = GENERATE(at::kFloat, at::kBFloat16, at::kHalf, at::kDouble);
  const auto x = at::randn({6, 10}, at::kDouble).to(from);
  REQUIRE(expanded(stored_as({6, 10}, from), x, to).equal(x.to(to)));
}

TEST_CASE("a weight that the file holds [in,out] is turned", "[torch][expand]") {
  const auto x = at::randn({10, 6}, at::kFloat);
  auto w = stored_as({6, 10}, at::kFloat);
  w.source.turned = true;
  REQUIRE(expanded(w, x, at::kFloat).equal(x.t()));
}

TEST_CASE("a weight takes its rows or columns of what several share", "[torch][expand]") {
  const auto to = GENERATE(at::kFloat, at::kBFloat16);
  const auto gate = at::randn({4, 5}, at::kFloat), up = at::randn({4, 5}, at::kFloat);
  for (const bool by_turns : {false, true})
    for (const bool turned : {false, true}) {
      auto both = by_turns ? at::stack({gate, up}, 1).reshape({8, 5}) : at::cat({gate, up});
      if (turned) both = both.t().contiguous();
      auto w = stored_as({4, 5}, at::kFloat);
      w.source.turned = turned;
      w.source.share = {8, 0, by_turns ? 2 : 1};
      REQUIRE(expanded(w, both, to).equal(gate.to(to)));
      w.source.share.first = by_turns ? 1 : 4;
      REQUIRE(expanded(w, both, to).equal(up.to(to)));
    }
}

TEST_CASE("a vector takes its numbers of what several share", "[torch][expand]") {
  const auto gate = at::randn({4}, at::kFloat), up = at::randn({4}, at::kFloat);
  auto w = stored_as({4}, at::kFloat);
  w.source.share = {8, 1, 2};
  REQUIRE(
      expanded(w, at::stack({gate, up}, 1).flatten(), at::kBFloat16).equal(up.to(at::kBFloat16)));
}

TEST_CASE("a weight of float32 stays it in a model of another dtype", "[torch][expand]") {
  const auto x = at::randn({6}, at::kDouble);
  auto w = stored_as({6}, at::kDouble);
  w.float32 = true;
  std::vector<float> made(6);
  const std::function<run::Codec(const std::string&)> none;
  strata_call call{};
  expand(w, w.shape, static_cast<const std::byte*>(x.const_data_ptr()),
         reinterpret_cast<std::byte*>(made.data()), {&none, &call, at::kBFloat16, at::kCPU});
  REQUIRE(at::tensor(made).equal(x.to(at::kFloat)));
}

TEST_CASE("interleaved rows of rotated heads go back to halves", "[torch][expand]") {
  const auto x = at::randn({12, 5}, at::kFloat);
  auto w = stored_as({12, 5}, at::kFloat);
  w.source.order = {2, 3, 2};
  const auto made = expanded(w, x, at::kFloat);
  for (int64_t head = 0; head < 2; ++head)
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 2; ++j)
        REQUIRE(made[head * 6 + j * 3 + i].equal(x[head * 6 + 2 * i + j]));
}

TEST_CASE("fused rows go back to each head's", "[torch][expand]") {
  const auto x = at::randn({12, 5}, at::kFloat);
  auto w = stored_as({12, 5}, at::kFloat);
  w.source.order = {1, 3, 2};
  const auto made = expanded(w, x, at::kFloat);
  for (int64_t head = 0; head < 2; ++head)
    for (int64_t part = 0; part < 3; ++part)
      for (int64_t i = 0; i < 2; ++i)
        REQUIRE(made[head * 6 + part * 2 + i].equal(x[part * 4 + head * 2 + i]));
}

TEST_CASE("fused rows of groups go back to each group's", "[torch][expand]") {
  const auto x = at::randn({20, 5}, at::kFloat);  // two groups of three queries, rows in twos
  auto w = stored_as({20, 5}, at::kFloat);
  w.source.order = {1, 3, 2, 3};
  const auto made = expanded(w, x, at::kFloat);
  for (int64_t group = 0; group < 2; ++group)
    for (int64_t i = 0; i < 2; ++i) {
      const auto of = made.narrow(0, group * 10, 10);
      for (int64_t query = 0; query < 3; ++query)
        REQUIRE(of[query * 2 + i].equal(x[(group * 3 + query) * 2 + i]));
      REQUIRE(of[6 + i].equal(x[12 + group * 2 + i]));
      REQUIRE(of[8 + i].equal(x[16 + group * 2 + i]));
    }
}

TEST_CASE("blocks are unpacked by their codec, heads in order", "[torch][expand]") {
  const auto to = GENERATE(at::kFloat, at::kBFloat16);
  const uint32_t heads = GENERATE(0u, 2u);
  strata_quant table{};
  table.unpack = unpack_bytes;
  const auto values = at::arange(-32, 32, at::kLong).to(at::kChar).view({8, 8});
  auto w = stored_as({8, 8}, at::kFloat);
  w.source.stored = {{}, "pairs", 2, 2};
  const auto plain = expanded(w, values, to, {&table, nullptr});
  REQUIRE(plain.equal(values.to(to)));
  w.source.order = {heads, 2, 2};
  auto dense = stored_as({8, 8}, at::kFloat);
  dense.source.order = w.source.order;
  REQUIRE(
      expanded(w, values, to, {&table, nullptr}).equal(expanded(dense, values.to(at::kFloat), to)));
}

TEST_CASE("a matrix of blocks that the file holds [in,out] is turned", "[torch][expand]") {
  strata_quant table{};
  table.unpack = unpack_bytes;
  const auto values = at::arange(-30, 30, at::kLong).to(at::kChar).view({10, 6});
  auto w = stored_as({6, 10}, at::kFloat);
  w.source.turned = true;
  w.source.stored = {{}, "pairs", 2, 2};
  const auto made = expanded(w, values, at::kFloat, {&table, nullptr});
  REQUIRE(made.equal(values.to(at::kFloat).t()));
}

TEST_CASE("each head's rows are put together from parts", "[torch][expand]") {
  const bool blocks = GENERATE(false, true);
  const auto threads = at::get_num_threads();
  at::set_num_threads(3);
  constexpr int64_t heads = 5, keys = 6, values = 8, rank = 4;
  strata_quant table{};
  table.unpack = unpack_bytes;
  const auto k = at::arange(-60, 60, at::kLong).to(at::kChar).view({heads, rank, keys});
  const auto v = at::arange(-80, 80, at::kLong).to(at::kChar).view({heads, values, rank});
  const auto part = [&](int64_t rows) {
    source::Tensor out;
    out.shape = {heads * rows, rank};
    out.stored =
        blocks ? source::Stored{{}, "pairs", 2, 2} : source::Stored{dtype_of(at::kFloat), "", 1, 4};
    out.at.bytes = static_cast<uint64_t>(heads * rows * rank) * (blocks ? 1 : 4);
    return out;
  };
  auto w = stored_as({heads * (keys + values), rank}, at::kFloat);
  w.source.order.blocks = heads;
  w.source.parts = {part(keys), part(values)};
  w.source.parts[0].by_columns = heads;
  w.source.parts[0].turned = true;
  const auto places = source::places(w.source);
  auto stored = at::zeros({static_cast<int64_t>(places.back())}, at::kByte);
  for (const auto& [from, place] : {std::pair(k, places[0]), std::pair(v, places[1])}) {
    const auto bytes = (blocks ? from : from.to(at::kFloat)).contiguous().view(at::kByte);
    stored.narrow(0, static_cast<int64_t>(place), bytes.numel()).copy_(bytes.flatten());
  }
  const auto to = GENERATE(at::kFloat, at::kBFloat16);
  const auto made = expanded(w, stored, to, {&table, nullptr}).unflatten(0, {heads, -1});
  at::set_num_threads(threads);
  REQUIRE(made.narrow(1, 0, keys).equal(k.transpose(1, 2).to(to)));
  REQUIRE(made.narrow(1, keys, values).equal(v.to(to)));
}

TEST_CASE("many blocks are unpacked in steps by several threads", "[torch][expand]") {
  const auto to = GENERATE(at::kFloat, at::kBFloat16);
  const bool ordered = GENERATE(false, true);
  const bool long_rows = GENERATE(false, true);  // one long row is more than a step
  const int64_t columns = long_rows ? 300000 : 64, rows = long_rows ? 4 : 12000;
  const uint32_t heads = long_rows ? 2 : 60;
  const auto threads = at::get_num_threads();
  at::set_num_threads(3);
  strata_quant table{};
  table.unpack = unpack_bytes;
  const auto values = at::arange(rows * columns, at::kLong).remainder(251).sub(125).to(at::kChar);
  auto w = stored_as({rows, columns}, at::kFloat);
  if (ordered) w.source.order = {heads, 2, static_cast<uint32_t>(rows) / heads / 2};
  auto dense = w;
  w.source.stored = {{}, "pairs", 2, 2};
  const auto numbers = values.view({rows, columns}).to(at::kFloat);
  const auto made = expanded(w, values.view({rows, columns}), to, {&table, nullptr});
  at::set_num_threads(threads);
  REQUIRE(made.equal(expanded(dense, numbers, to)));
}

}  // namespace strata::torch
