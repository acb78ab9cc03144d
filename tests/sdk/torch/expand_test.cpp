#include "torch/expand.hpp"

#include <ATen/ops/randn.h>
#include <ATen/ops/remainder.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "core/source/dtype.hpp"
#include "tests/sdk/core/plugin/bare_codec.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

zero::Weight stored_as(std::vector<int64_t> shape, at::ScalarType type) {
  zero::Weight w;
  w.name = "weight";
  w.shape = std::move(shape);
  w.source.stored = source::dense_form(dtype_of(type), w.shape);
  return w;
}

// Blocks of two signed bytes, each an element: a scheme of the test alone.
strata_status unpack_bytes(strata_self*, strata_call*, const strata_parts* parts,
                           strata_tensor* weight) {
  const auto from = value_of(*parts->p[0]).view(at::kChar);
  value_of(*weight).copy_(from);
  return STRATA_OK;
}

const plugin::Codec& pairs() {
  static const auto table = [] {
    auto out = made::bare_codec();
    out.unpack = unpack_bytes;
    return out;
  }();
  static const plugin::Codec codec(&table, "pairs", nullptr, "pairs");
  return codec;
}

// A weight [rows,columns] of signed bytes that the file holds by columns: a scheme whose rows only
// its codec finds. It is repacked by rows.
const plugin::Codec& columns() {
  static const auto table = [] {
    auto out = made::bare_codec();
    out.unpack = [](strata_self*, strata_call*, const strata_parts* parts, strata_tensor* weight) {
      value_of(*weight).copy_(value_of(*parts->p[0]).t());
      return strata_status{STRATA_OK};
    };
    out.repack = [](strata_self*, strata_call*, uint32_t ndim, const int64_t* shape,
                    const strata_parts* held, const strata_parts* run) {
      const at::IntArrayRef rows(shape, ndim);
      if (value_of(*run->p[0]).sizes() != rows) return strata_status{STRATA_INVALID};
      value_of(*run->p[0]).copy_(value_of(*held->p[0]).t());
      return strata_status{STRATA_OK};
    };
    return out;
  }();
  static const plugin::Codec codec(&table, "columns", nullptr, "columns");
  return codec;
}

zero::Weight by_columns(std::vector<int64_t> shape, int64_t stored_rows) {
  zero::Weight w;
  w.name = "weight";
  w.shape = shape;
  w.source.shape = shape;
  w.source.stored =
      source::packed_form("columns", {{"codes", {STRATA_INT, 8, 1}, {shape[1], stored_rows}}});
  w.source.stored.by_rows = false;
  return w;
}

void expand_columns(const zero::Weight& w, const at::Tensor& stored, at::Tensor& out) {
  const run::FindCodec find = [](const std::string&) -> const plugin::Codec& { return columns(); };
  strata_call call{};
  expand(w, w.shape, static_cast<const std::byte*>(stored.const_data_ptr()),
         static_cast<std::byte*>(out.data_ptr()), {&find, &call, at::kCPU});
}

source::Form in_pairs(std::vector<int64_t> shape) {
  return source::packed_form("pairs", {source::block_part("blocks", std::move(shape), 2, 2, {})});
}

at::Tensor expanded(zero::Weight w, const at::Tensor& stored, at::ScalarType to) {
  const run::FindCodec find = [](const std::string&) -> const plugin::Codec& { return pairs(); };
  strata_call call{};
  auto out = at::empty(w.shape, to);
  w.run = source::dense_form(dtype_of(to), w.shape);
  expand(w, w.shape, static_cast<const std::byte*>(stored.const_data_ptr()),
         static_cast<std::byte*>(out.data_ptr()), {&find, &call, at::kCPU});
  return out;
}

}  // namespace

TEST_CASE("a weight whose rows only its codec finds is unpacked at once", "[torch][expand]") {
  const auto x = at::randn({12, 6}).mul(20).to(at::kChar);
  const auto stored = x.t().contiguous();
  auto whole = by_columns({12, 6}, 12);
  whole.run = source::dense_form(source::f32, {12, 6});
  auto out = at::empty({12, 6});
  expand_columns(whole, stored, out);
  REQUIRE(out.equal(x.to(at::kFloat)));

  auto some = by_columns({4, 6}, 12);
  some.source.steps = {source::Slice{12, 4, 1}};
  some.run = source::dense_form(source::f32, {4, 6});
  auto rows = at::empty({4, 6});
  expand_columns(some, stored, rows);
  REQUIRE(rows.equal(x.narrow(0, 4, 4).to(at::kFloat)));
}

TEST_CASE("a weight is repacked, and its rows move behind that", "[torch][expand]") {
  const auto x = at::randn({12, 6}).mul(20).to(at::kChar);
  const auto stored = x.t().contiguous();
  const auto form = [](int64_t rows) {
    return source::packed_form("rows", {{"codes", {STRATA_INT, 8, 1}, {rows, 6}}});
  };
  auto whole = by_columns({12, 6}, 12);
  whole.run = form(12);
  auto out = at::empty({12, 6}, at::kChar);
  expand_columns(whole, stored, out);
  REQUIRE(out.equal(x));

  auto some = by_columns({6, 6}, 12);
  some.source.steps = {source::Slice{12, 1, 2}};
  some.run = form(6);
  auto rows = at::empty({6, 6}, at::kChar);
  expand_columns(some, stored, rows);
  REQUIRE(rows.equal(x.slice(0, 1, 12, 2)));
}

TEST_CASE("a dense weight is cast from every dtype to every other", "[torch][expand]") {
  const auto from = GENERATE(at::kFloat, at::kBFloat16, at::kHalf, at::kDouble);
  const auto to = GENERATE(at::kFloat, at::kBFloat16, at::kHalf, at::kDouble);
  const auto x = at::randn({6, 10}, at::kDouble).to(from);
  REQUIRE(expanded(stored_as({6, 10}, from), x, to).equal(x.to(to)));
}

TEST_CASE("a weight that the file holds [in,out] is transposed", "[torch][expand]") {
  const auto x = at::randn({10, 6}, at::kFloat);
  auto w = stored_as({6, 10}, at::kFloat);
  w.source.steps = {source::Transpose{}};
  REQUIRE(expanded(w, x, at::kFloat).equal(x.t()));
}

TEST_CASE("a weight takes its rows or columns of what several share", "[torch][expand]") {
  const auto to = GENERATE(at::kFloat, at::kBFloat16);
  const auto gate = at::randn({4, 5}, at::kFloat), up = at::randn({4, 5}, at::kFloat);
  for (const bool by_turns : {false, true})
    for (const bool transposed : {false, true}) {
      auto both = by_turns ? at::stack({gate, up}, 1).reshape({8, 5}) : at::cat({gate, up});
      if (transposed) both = both.t().contiguous();
      auto w = stored_as({4, 5}, at::kFloat);
      if (transposed) w.source.steps = {source::Transpose{}};
      w.source.steps.push_back(source::Slice{8, 0, by_turns ? 2 : 1});
      REQUIRE(expanded(w, both, to).equal(gate.to(to)));
      w.source.steps.back() = source::Slice{8, by_turns ? 1 : 4, by_turns ? 2 : 1};
      REQUIRE(expanded(w, both, to).equal(up.to(to)));
    }
}

TEST_CASE("a vector takes its numbers of what several share", "[torch][expand]") {
  const auto gate = at::randn({4}, at::kFloat), up = at::randn({4}, at::kFloat);
  auto w = stored_as({4}, at::kFloat);
  w.source.steps = {source::Slice{8, 1, 2}};
  REQUIRE(
      expanded(w, at::stack({gate, up}, 1).flatten(), at::kBFloat16).equal(up.to(at::kBFloat16)));
}

TEST_CASE("a weight of float32 stays it in a model of another dtype", "[torch][expand]") {
  const auto x = at::randn({6}, at::kDouble);
  auto w = stored_as({6}, at::kDouble);
  w.run = source::dense_form({STRATA_FLOAT, 32, 1}, w.shape);
  std::vector<float> made(6);
  const run::FindCodec none;
  strata_call call{};
  expand(w, w.shape, static_cast<const std::byte*>(x.const_data_ptr()),
         reinterpret_cast<std::byte*>(made.data()), {&none, &call, at::kCPU});
  REQUIRE(at::tensor(made).equal(x.to(at::kFloat)));
}

TEST_CASE("interleaved rows of rotated heads go back to halves", "[torch][expand]") {
  const auto x = at::randn({12, 5}, at::kFloat);
  auto w = stored_as({12, 5}, at::kFloat);
  w.source.steps = {source::Reorder{2, 3, 2}};
  const auto made = expanded(w, x, at::kFloat);
  for (int64_t head = 0; head < 2; ++head)
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 2; ++j)
        REQUIRE(made[head * 6 + j * 3 + i].equal(x[head * 6 + 2 * i + j]));
}

TEST_CASE("fused rows go back to each head's", "[torch][expand]") {
  const auto x = at::randn({12, 5}, at::kFloat);
  auto w = stored_as({12, 5}, at::kFloat);
  w.source.steps = {source::Reorder{1, 3, 2}};
  const auto made = expanded(w, x, at::kFloat);
  for (int64_t head = 0; head < 2; ++head)
    for (int64_t part = 0; part < 3; ++part)
      for (int64_t i = 0; i < 2; ++i)
        REQUIRE(made[head * 6 + part * 2 + i].equal(x[part * 4 + head * 2 + i]));
}

TEST_CASE("the numbers of a vector are reordered as rows are", "[torch][expand]") {
  const auto x = at::randn({12}, at::kFloat);
  auto vector = stored_as({12}, at::kFloat), column = stored_as({12, 1}, at::kFloat);
  vector.source.steps = column.source.steps = {source::Reorder{1, 3, 2}};
  REQUIRE(expanded(vector, x, at::kFloat).equal(expanded(column, x, at::kFloat).flatten()));
  REQUIRE_FALSE(expanded(vector, x, at::kFloat).equal(x));
  vector.source.stored = in_pairs({12});  // its blocks hold several of them
  REQUIRE_THROWS_WITH(expanded(vector, x, at::kFloat), Catch::Contains("no whole blocks"));
}

TEST_CASE("fused rows of groups go back to each group's", "[torch][expand]") {
  const auto x = at::randn({20, 5}, at::kFloat);  // two groups of three queries, rows in twos
  auto w = stored_as({20, 5}, at::kFloat);
  w.source.steps = {source::Reorder{1, 3, 2, 3}};
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
  const auto values = at::arange(-32, 32, at::kLong).to(at::kChar).view({8, 8});
  auto w = stored_as({8, 8}, at::kFloat);
  w.source.stored = in_pairs({8, 8});
  const auto plain = expanded(w, values, to);
  REQUIRE(plain.equal(values.to(to)));
  if (heads > 0) w.source.steps = {source::Reorder{heads, 2, 2}};
  auto dense = stored_as({8, 8}, at::kFloat);
  dense.source.steps = w.source.steps;
  REQUIRE(expanded(w, values, to).equal(expanded(dense, values.to(at::kFloat), to)));
}

TEST_CASE("a factor multiplies each element once, whatever the form and the other steps",
          "[torch][expand]") {
  const auto to = GENERATE(at::kFloat, at::kBFloat16);
  const auto values = at::arange(-32, 32, at::kLong).to(at::kChar).view({8, 8});
  using Steps = std::vector<source::Step>;
  const auto steps = GENERATE(Steps{}, Steps{source::Reorder{2, 2, 2}}, Steps{source::Transpose{}});
  auto w = stored_as({8, 8}, at::kFloat);
  w.source.steps = steps;
  const auto expected = expanded(w, values.to(at::kFloat).mul(-0.75), to);
  w.source.steps.push_back(source::Multiply{-0.75});
  CHECK(expanded(w, values.to(at::kFloat), to).equal(expected));
  w.source.stored = in_pairs({8, 8});
  CHECK(expanded(w, values, to).equal(expected));
}

TEST_CASE("a factor multiplies a weight whose rows only its codec finds", "[torch][expand]") {
  const auto x = at::arange(-36, 36, at::kLong).to(at::kChar).view({12, 6});
  auto w = by_columns({12, 6}, 12);
  w.run = source::dense_form(source::f32, {12, 6});
  w.source.steps = {source::Multiply{0.5}};
  auto out = at::empty({12, 6});
  expand_columns(w, x.t().contiguous(), out);
  REQUIRE(out.equal(x.to(at::kFloat).mul(0.5)));
}

TEST_CASE("a matrix of blocks that the file holds [in,out] is transposed", "[torch][expand]") {
  const auto values = at::arange(-30, 30, at::kLong).to(at::kChar).view({10, 6});
  auto w = stored_as({6, 10}, at::kFloat);
  w.source.steps = {source::Transpose{}};
  w.source.stored = in_pairs({10, 6});
  const auto made = expanded(w, values, at::kFloat);
  REQUIRE(made.equal(values.to(at::kFloat).t()));
}

TEST_CASE("each head's rows are put together from pieces", "[torch][expand]") {
  const bool blocks = GENERATE(false, true);
  const auto threads = at::get_num_threads();
  at::set_num_threads(3);
  constexpr int64_t heads = 5, keys = 6, values = 8, rank = 4;
  const auto k = at::arange(-60, 60, at::kLong).to(at::kChar).view({heads, rank, keys});
  const auto v = at::arange(-80, 80, at::kLong).to(at::kChar).view({heads, values, rank});
  const auto piece = [&](int64_t rows, std::vector<int64_t> stored) {
    return source::Tensor{.name = "piece",
                          .shape = {heads * rows, rank},
                          .stored = blocks ? in_pairs(std::move(stored))
                                           : source::dense_form(dtype_of(at::kFloat), stored)};
  };
  auto w = stored_as({heads * (keys + values), rank}, at::kFloat);
  auto first = piece(keys, {heads, rank, keys});
  first.steps = {source::Transpose{heads}};
  w.source = source::joined("whole", heads, {first, piece(values, {heads, values, rank})});
  auto stored = at::zeros({static_cast<int64_t>(w.source.stored.bytes)}, at::kByte);
  for (const auto& [from, to] : {std::pair(k, 0), std::pair(v, 1)}) {
    const auto bytes = (blocks ? from : from.to(at::kFloat)).contiguous().view(at::kByte);
    const auto at = w.source.pieces[static_cast<std::size_t>(to)].stored.at;
    stored.narrow(0, static_cast<int64_t>(at), bytes.numel()).copy_(bytes.flatten());
  }
  const auto to = GENERATE(at::kFloat, at::kBFloat16);
  const auto made = expanded(w, stored, to).unflatten(0, {heads, -1});
  at::set_num_threads(threads);
  REQUIRE(made.narrow(1, 0, keys).equal(k.transpose(1, 2).to(to)));
  REQUIRE(made.narrow(1, keys, values).equal(v.to(to)));
}

TEST_CASE("a weight that stays in its codec's form takes the steps that move rows",
          "[torch][expand]") {
  const auto x = at::arange(-48, 48, at::kLong).to(at::kChar).view({12, 8});
  auto w = stored_as({12, 8}, at::kFloat);
  w.source.stored = in_pairs({12, 8});
  const auto coded = [&](std::vector<source::Step> steps, int64_t rows) {
    w.shape = {rows, 8};
    w.source.steps = std::move(steps);
    w.run = in_pairs({rows, 8});
    auto out = at::empty(w.shape, at::kChar);
    const run::FindCodec none;
    strata_call call{};
    expand(w, w.shape, static_cast<const std::byte*>(x.const_data_ptr()),
           static_cast<std::byte*>(out.data_ptr()), {&none, &call, at::kCPU});
    return out;
  };
  CHECK(coded({}, 12).equal(x));
  CHECK(coded({source::Slice{12, 1, 2}}, 6).equal(x.slice(0, 1, 12, 2)));
  // Two heads of three pairs of halves: the same as for dense rows.
  auto dense = stored_as({12, 8}, at::kFloat);
  dense.source.steps = {source::Reorder{2, 3, 2}};
  const auto expected = expanded(dense, x.to(at::kFloat), at::kFloat);
  CHECK(coded(dense.source.steps, 12).to(at::kFloat).equal(expected));
}

TEST_CASE("many blocks are unpacked in steps by several threads", "[torch][expand]") {
  const auto to = GENERATE(at::kFloat, at::kBFloat16);
  const bool ordered = GENERATE(false, true);
  const bool long_rows = GENERATE(false, true);  // one long row is more than a step
  const int64_t columns = long_rows ? 300000 : 64, rows = long_rows ? 4 : 12000;
  const uint32_t heads = long_rows ? 2 : 60;
  const auto threads = at::get_num_threads();
  at::set_num_threads(3);
  const auto values = at::arange(rows * columns, at::kLong).remainder(251).sub(125).to(at::kChar);
  auto w = stored_as({rows, columns}, at::kFloat);
  if (ordered)
    w.source.steps = {source::Reorder{heads, 2, static_cast<uint32_t>(rows) / heads / 2}};
  auto dense = w;
  w.source.stored = in_pairs({rows, columns});
  const auto numbers = values.view({rows, columns}).to(at::kFloat);
  const auto made = expanded(w, values.view({rows, columns}), to);
  at::set_num_threads(threads);
  REQUIRE(made.equal(expanded(dense, numbers, to)));
}

}  // namespace strata::torch
