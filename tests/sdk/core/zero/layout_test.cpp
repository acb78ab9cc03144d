#include "core/zero/layout.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <variant>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/source/dtype.hpp"

using namespace strata;
using namespace strata::zero;

namespace {

constexpr strata_dtype f32{STRATA_FLOAT, 32, 1}, bf16{STRATA_BFLOAT, 16, 1};

// A file of dense tensors, one behind the other, which notes each question for one.
struct File {
  strata_dtype dtype = f32;
  std::function<void(source::Tensor&)> change = [](source::Tensor&) {};
  struct Asked {
    int64_t first, count;
  };
  std::map<std::string, Asked> asked{};
  uint64_t end = 0;

  FindTensor find() {
    return [this](const shape::DeclaredWeight& weight, int64_t first, int64_t count) {
      asked[weight.name] = {first, count};
      source::Tensor tensor;
      tensor.name = weight.name;
      tensor.shape = weight.shape;
      if (count > 0) tensor.shape[0] = count;
      const auto bytes = element_count(tensor.shape) * element_bytes(dtype);
      tensor.stored = source::dense_form(dtype, tensor.shape, {0, end, bytes});
      end += bytes;
      change(tensor);
      return tensor;
    };
  }
};

shape::DeclaredUnit unit_of(std::vector<shape::DeclaredWeight> weights,
                            uint32_t kind = STRATA_UNIT_BODY) {
  return {"layer.", kind, std::move(weights)};
}

Unit lay_out_one(const shape::DeclaredUnit& declared, File file = {},
                 const LayoutOptions& options = {}) {
  auto units = lay_out({&declared, 1}, file.find(), options);
  REQUIRE(units.size() == 1);
  return units.front();
}

}  // namespace

TEST_CASE("single weights and groups begin at multiples of 256, a group's members have no gap",
          "[zero][layout]") {
  const auto unit = lay_out_one(unit_of({{.name = "norm", .shape = {5}},
                                         {.name = "q", .shape = {3, 5}, .group = 1},
                                         {.name = "k", .shape = {1, 5}, .group = 1},
                                         {.name = "gate", .shape = {2, 5}, .group = 2},
                                         {.name = "o", .shape = {100, 1}}}));
  const std::vector<uint64_t> offsets{0, 256, 256 + 60, 512, 768}, bytes{20, 60, 20, 40, 400};
  for (std::size_t w = 0; w < offsets.size(); ++w) {
    INFO(unit.weights[w].name);
    CHECK(unit.weights[w].run.at == offsets[w]);
    CHECK(unit.weights[w].run.bytes == bytes[w]);
  }
  CHECK(unit.run_bytes == 1280);  // the end of the last one, at a multiple too
}

TEST_CASE("a unit with the same two forms has one set of places and is not expanded",
          "[zero][layout]") {
  const auto unit = lay_out_one(unit_of(
      {{.name = "q", .shape = {3, 5}, .group = 1}, {.name = "k", .shape = {1, 5}, .group = 1}}));
  CHECK_FALSE(unit.expands);
  CHECK(unit.stored_bytes == unit.run_bytes);
  for (const auto& weight : unit.weights) CHECK(weight.source.stored.at == weight.run.at);
}

TEST_CASE("each difference between the forms gives the unit a set of places for either",
          "[zero][layout]") {
  using Change = std::function<void(source::Tensor&)>;
  const auto change = GENERATE(values<Change>({
      [](source::Tensor& t) { t.stored.scheme = "Q8_0"; },
      [](source::Tensor& t) { t.stored = source::dense_form(bf16, t.shape); },
      [](source::Tensor& t) { t.steps = {source::Reorder{}}; },
      [](source::Tensor& t) { t.steps = {source::Transpose{}}; },
      [](source::Tensor& t) { t.steps = {source::Slice{.all = 7}}; },
      [](source::Tensor& t) { t.steps = {source::Add{1}}; },
  }));
  const auto unit = lay_out_one(unit_of({{.name = "q", .shape = {3, 5}, .group = 1},
                                         {.name = "k", .shape = {1, 5}, .group = 1}}),
                                {.change = [&](source::Tensor& t) {
                                  if (t.name == "k") change(t);
                                }});
  CHECK(unit.expands);
  CHECK(unit.weights[1].run.at == 60);
  CHECK(unit.weights[1].source.stored.at == 256);  // also members of a group are read apart
  CHECK(unit.stored_bytes == 512);
  CHECK(unit.run_bytes == 256);
}

TEST_CASE("the run form has the run's dtype, but float32 weights stay wide", "[zero][layout]") {
  const auto unit = lay_out_one(unit_of({{.name = "w", .shape = {4, 8}},
                                         {.name = "router", .shape = {4, 8}, .float32 = true}}),
                                {}, {.dtype = bf16});
  CHECK(unit.weights[0].run.bytes == 64);
  CHECK(unit.weights[1].run.bytes == 128);
  CHECK(same(unit.weights[0].run.dtype(), bf16));
  CHECK(same(unit.weights[1].run.dtype(), f32));
  CHECK(unit.expands);
  constexpr strata_dtype f64{STRATA_FLOAT, 64, 1};
  const auto wide = lay_out_one(unit_of({{.name = "router", .shape = {4, 8}, .float32 = true}}), {},
                                {.dtype = f64});
  CHECK(same(wide.weights[0].run.dtype(), f64));  // it is never narrowed
}

TEST_CASE("weights that are shares of the same rows are read once", "[zero][layout]") {
  const bool shared = GENERATE(true, false);
  const auto unit =
      lay_out_one(unit_of({{.name = "gate", .shape = {2, 8}}, {.name = "up", .shape = {2, 8}}}),
                  {.change = [&](source::Tensor& t) {
                    t.stored = source::dense_form(f32, {4, 8}, {0, 4096, 128});
                    if (shared) t.steps = {source::Slice{4, t.name == "up", 2}};
                  }});
  CHECK(unit.weights[0].source.stored.at == 0);
  CHECK(unit.weights[1].source.stored.at == (shared ? 0 : 256));
  if (shared) CHECK(unit.stored_bytes == 256);
}

namespace {

// Q8_0's blocks: 34 bytes for 32 elements of a row.
void as_blocks(source::Tensor& t) {
  t.stored = source::packed_form("Q8_0", {source::block_part("blocks", t.shape, 32, 34, {})});
}

std::optional<source::Form> coded(const source::Form& stored, std::span<const int64_t> shape) {
  if (stored.scheme != "Q8_0" || shape[1] % 32 != 0) return std::nullopt;
  auto parts = stored.parts;
  parts[0].shape[0] = shape[0];
  return source::packed_form("Q8_0", std::move(parts));
}

// A form whose rows only its codec finds: codes of 2 numbers a byte by columns, and their scales.
void as_columns(source::Tensor& t) {
  t.stored = source::packed_form("columns", {{"codes", source::u8, {t.shape[1] / 2, t.shape[0]}},
                                             {"scales", source::f16, {1, t.shape[0]}}});
  t.stored.by_rows = false;
}

// It is repacked with as many bytes for each row.
std::optional<source::Form> repacked(const source::Form& stored, std::span<const int64_t> shape) {
  if (stored.scheme != "columns") return std::nullopt;
  return source::packed_form("rows", {{"codes", source::u8, {shape[0], shape[1] / 2}},
                                      {"scales", source::f16, {shape[0], 1}}});
}

}  // namespace

TEST_CASE("weights whose parts the ops use are not expanded", "[zero][layout]") {
  const auto declared =
      unit_of({{.name = "norm", .shape = {64}, .role = STRATA_VECTOR},
               {.name = "q", .shape = {3, 64}, .role = STRATA_MATRIX, .group = 1},
               {.name = "k", .shape = {1, 64}, .role = STRATA_MATRIX, .group = 1},
               {.name = "v", .shape = {1, 64}, .role = STRATA_MATRIX, .group = 1}});
  const auto change = [](source::Tensor& t) {
    if (t.name == "q" || t.name == "k") as_blocks(t);
  };
  const auto unit = lay_out_one(declared, {.change = change}, {.coded = coded});
  CHECK_FALSE(unit.expands);
  CHECK(unit.weights[1].run.scheme == "Q8_0");
  CHECK(unit.weights[1].run.bytes == 3 * 68);
  CHECK(unit.weights[2].run.at == 256 + 3 * 68);  // one product with q
  CHECK(unit.weights[3].run.at == 768);           // and not with a dense one
  CHECK(lay_out_one(declared, {.change = change}).expands);
}

TEST_CASE("steps that move rows are taken in the codec's form, others not", "[zero][layout]") {
  const auto lay = [](std::vector<source::Step> steps) {
    const bool sliced = std::holds_alternative<source::Slice>(steps.front());
    return lay_out_one(unit_of({{.name = "q", .shape = {4, 64}, .role = STRATA_MATRIX}}),
                       {.change =
                            [&](source::Tensor& t) {
                              if (sliced) t.shape[0] = 8;
                              as_blocks(t);
                              t.steps = steps;
                            }},
                       {.coded = coded});
  };
  for (const source::Step& step : {source::Step(source::Reorder{1, 2, 2}),
                                   source::Step(source::Slice{.all = 8, .first = 1, .step = 2})}) {
    const auto unit = lay({step});
    CHECK(unit.expands);
    CHECK(unit.weights[0].run.scheme == "Q8_0");
    CHECK(unit.weights[0].run.bytes == 4 * 68);
  }
  CHECK(lay({source::Transpose{}}).weights[0].run.dense());
}

TEST_CASE("a form that the codec repacks has another run form", "[zero][layout]") {
  const auto lay = [](std::vector<source::Step> steps) {
    return lay_out_one(
        unit_of({{.name = "q", .shape = {5, 66}, .role = STRATA_MATRIX, .group = 1},
                 {.name = "k", .shape = {5, 66}, .role = STRATA_MATRIX, .group = 1}}),
        {.change =
             [&](source::Tensor& t) {
               as_columns(t);
               t.steps = steps;
             }},
        {.coded = repacked});
  };
  const auto unit = lay({});
  CHECK(unit.expands);
  CHECK(unit.weights[0].run.scheme == "rows");
  CHECK(unit.weights[0].source.stored.parts[1].at == 166);  // at a multiple of its element's bytes
  CHECK(unit.weights[0].run.bytes == 166 + 10);
  CHECK(unit.weights[1].run.at == 256);  // its parts are no neighbors of those of q
  CHECK(lay({source::Slice{.all = 10, .first = 5}}).weights[0].run.scheme == "rows");
  CHECK(lay({source::Transpose{}}).weights[0].run.dense());
}

TEST_CASE("a head whose rows only its codec finds stays whole", "[zero][layout]") {
  File file{.change = as_columns};
  const auto declared =
      unit_of({{.name = "head", .shape = {40, 64}, .role = STRATA_HEAD}}, STRATA_UNIT_HEAD);
  const auto units = lay_out({&declared, 1}, file.find(), {.tile = 1, .coded = repacked});
  REQUIRE(units.size() == 1);
  CHECK(units[0].weights[0].run.scheme == "rows");
}

TEST_CASE("experts keep their blocks in the run form, gate and up one behind the other",
          "[zero][layout]") {
  const auto declared = unit_of(
      {{.name = "router", .shape = {2, 64}, .role = STRATA_ROUTER},
       {.name = "{}.gate", .shape = {3, 64}, .role = STRATA_MATRIX, .group = 1, .experts = 2},
       {.name = "{}.up", .shape = {3, 64}, .role = STRATA_MATRIX, .group = 1, .experts = 2},
       {.name = "{}.down_bias", .shape = {64}, .role = STRATA_VECTOR, .experts = 2}});
  const auto change = [](source::Tensor& t) {
    if (t.shape.size() == 2 && t.name != "router") as_blocks(t);
  };
  File file{.change = change};
  const auto units = lay_out({&declared, 1}, file.find(), {.coded = coded});
  REQUIRE(units.size() == 3);
  for (const auto& expert : {units[1], units[2]}) {
    CHECK_FALSE(expert.expands);
    CHECK(expert.weights[1].run.scheme == "Q8_0");
    CHECK(expert.weights[1].run.bytes == 3 * 68);
    CHECK(expert.weights[2].run.at == 3 * 68);
    CHECK(expert.weights[3].run.dense());
  }
  const auto dense = lay_out({&declared, 1}, file.find(), {});
  CHECK(dense[1].expands);
  CHECK(dense[1].weights[1].run.dense());
}

TEST_CASE("routers and odd rows are dense in the run form", "[zero][layout]") {
  const auto lay = [](shape::DeclaredWeight weight) {
    return lay_out_one(unit_of({std::move(weight)}), {.change = as_blocks}, {.coded = coded});
  };
  CHECK(lay({.name = "router", .shape = {4, 64}, .role = STRATA_ROUTER}).weights[0].run.dense());
  CHECK(lay({.name = "odd", .shape = {4, 48}, .role = STRATA_MATRIX}).weights[0].run.dense());
  CHECK(lay({.name = "v", .shape = {64}, .role = STRATA_VECTOR}).weights[0].run.dense());
}

TEST_CASE("tiles of a head in its codec's form are as large as asked for", "[zero][layout]") {
  File file{.change = as_blocks};
  const auto declared =
      unit_of({{.name = "head", .shape = {40, 64}, .role = STRATA_HEAD}}, STRATA_UNIT_HEAD);
  const auto units = lay_out({&declared, 1}, file.find(), {.tile = 10 * 68, .coded = coded});
  REQUIRE(units.size() == 4);
  CHECK(units[1].first_row == 10);
  CHECK(units[1].weights[0].run.bytes == 10 * 68);
}

TEST_CASE("the embedding's table is held only where its rows are not gathered", "[zero][layout]") {
  const auto declared = unit_of(
      {{.name = "wte", .shape = {50, 8}, .role = STRATA_TABLE}, {.name = "wpe", .shape = {16, 8}}},
      STRATA_UNIT_EMBEDDING);
  const auto gathered = lay_out_one(declared, {.dtype = bf16}, {.rows = true});
  CHECK(gathered.weights[0].run.at == not_held);
  CHECK(gathered.weights[0].source.stored.at == not_held);
  CHECK(gathered.weights[0].run.bytes == 32);  // of a row
  CHECK(gathered.weights[0].source.stored.bytes == 16);
  CHECK(gathered.weights[1].run.at == 0);
  CHECK(gathered.run_bytes == 512);
  const auto whole = lay_out_one(declared, {.dtype = bf16}, {.rows = false});
  CHECK(whole.weights[0].run.at == 0);
  CHECK(whole.weights[0].run.bytes == 1600);
  CHECK(whole.run_bytes == 1792 + 512);
}

TEST_CASE("the head is cut into tiles of rows that are no larger than asked for",
          "[zero][layout]") {
  const auto declared = unit_of(
      {{.name = "norm", .shape = {8}}, {.name = "lm_head", .shape = {10, 8}, .role = STRATA_HEAD}},
      STRATA_UNIT_HEAD);
  struct Case {
    uint64_t tile;
    std::vector<int64_t> rows;
  };
  const auto c = GENERATE(values<Case>({{0, {10}},        // whole
                                        {10 * 32, {10}},  // all rows fit
                                        {10 * 32 - 1, {9, 1}},
                                        {4 * 32, {4, 4, 2}},
                                        {1, std::vector<int64_t>(10, 1)}}));  // at least a row
  File file;
  const auto units = lay_out({&declared, 1}, file.find(), {.tile = c.tile});
  REQUIRE(units.size() == c.rows.size());
  int64_t first = 0;
  for (std::size_t t = 0; t < units.size(); ++t) {
    const auto& unit = units[t];
    CHECK(unit.declared == 0);
    CHECK(unit.first_row == first);
    CHECK(unit.name == (units.size() == 1 ? "layer." : "layer. rows " + std::to_string(first)));
    CHECK(unit.weights[0].shape == std::vector<int64_t>{8});
    CHECK(unit.weights[1].shape == std::vector<int64_t>{c.rows[t], 8});
    CHECK(unit.weights[1].run.bytes == static_cast<uint64_t>(c.rows[t]) * 32);
    first += c.rows[t];
  }
  CHECK(first == 10);
  CHECK(file.asked["norm"].count == 0);  // never cut
  if (units.size() > 1) {
    CHECK(file.asked["lm_head"].first == 10 - c.rows.back());
    CHECK(file.asked["lm_head"].count == c.rows.back());
  }
}

TEST_CASE("each expert is a unit behind its layer's, with the layer's indices of weights",
          "[zero][layout]") {
  const std::vector<shape::DeclaredUnit> declared{
      unit_of({{.name = "norm", .shape = {8}},
               {.name = "experts.{}.up", .shape = {4, 8}, .group = 1, .experts = 3},
               {.name = "router", .shape = {3, 8}}}),
      unit_of({{.name = "w", .shape = {8}}})};
  File file;
  const auto units = lay_out(declared, file.find(), {});
  REQUIRE(units.size() == 5);
  CHECK_FALSE(units[0].is_expert());
  CHECK(units[0].weights[1].run.at == not_held);
  CHECK(units[0].weights[2].run.at == 256);
  CHECK(units[0].run_bytes == 512);
  for (uint32_t e = 0; e < 3; ++e) {
    const auto& unit = units[1 + e];
    const auto number = std::to_string(e);
    CHECK(unit.expert == e);
    CHECK(unit.declared == 0);
    CHECK(unit.name == "layer. expert " + number);
    REQUIRE(unit.weights.size() == 3);
    CHECK(unit.weights[0].run.at == not_held);
    CHECK(unit.weights[1].name == "experts." + number + ".up");
    CHECK(unit.weights[1].run.at == 0);
    CHECK(unit.weights[2].source.stored.at == not_held);
    CHECK(unit.run_bytes == 256);
    CHECK(file.asked.count("experts." + number + ".up") == 1);
  }
  CHECK(file.asked.count("experts.{}.up") == 0);
  CHECK(units[4].declared == 1);
}

TEST_CASE("a table or head that is stored column by column is refused by its name",
          "[zero][layout]") {
  const auto role = GENERATE(as<uint32_t>(), STRATA_TABLE, STRATA_HEAD, STRATA_MATRIX);
  File file{.change = [](source::Tensor& t) { t.steps = {source::Transpose{}}; }};
  const auto declared = unit_of({{.name = "wte", .shape = {50, 8}, .role = role}});
  const auto lay = [&] { return lay_out({&declared, 1}, file.find(), {}); };
  if (role == STRATA_MATRIX)
    REQUIRE_NOTHROW(lay());
  else
    REQUIRE_THROWS_WITH(lay(), Catch::StartsWith("wte: is stored column by column"));
}
