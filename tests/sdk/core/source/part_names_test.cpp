#include "core/source/part_names.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;
using source::Tensor;

namespace {

constexpr strata_dtype byte{STRATA_UINT, 8, 1};

Tensor bytes(std::string name, std::vector<int64_t> shape, uint32_t file, uint64_t offset) {
  Tensor out;
  out.name = std::move(name);
  out.shape = std::move(shape);
  out.stored =
      source::dense_form(byte, out.shape, {file, offset, static_cast<uint64_t>(elements(out))});
  return out;
}

// The names that the codec's own manifest gives.
source::PackedNames mxfp4() {
  return source::packed_names(parse_json(made::read(STRATA_MXFP4), "manifest").at("parts"),
                              "manifest");
}

}  // namespace

TEST_CASE("codes and scales of two files are one tensor of blocks", "[source][part_names]") {
  std::vector<Tensor> all{bytes("a_scales", {3, 5, 2}, 1, 700), bytes("b", {16}, 0, 0),
                          bytes("a_blocks", {3, 5, 2, 16}, 0, 100)};
  join_parts(all, mxfp4());
  REQUIRE(all.size() == 2);
  REQUIRE(all[0].name == "b");
  const auto& made = all[1];
  REQUIRE(made.name == "a");
  REQUIRE(made.shape == std::vector<int64_t>{3, 5, 64});
  REQUIRE(made.stored.scheme == "MXFP4_SPLIT");
  const auto rows = source::rows(source::slice(made, 2), 1, 3);
  REQUIRE(rows.shape == std::vector<int64_t>{3, 64});
  const auto& parts = rows.stored.parts;
  REQUIRE(parts.size() == 2);
  REQUIRE(parts[0].role == "codes");
  REQUIRE(parts[0].shape == std::vector<int64_t>{3, 32});
  REQUIRE(parts[0].file == source::Extent{0, 100 + (2 * 5 + 1) * 32, 3 * 32});
  REQUIRE(parts[0].at == 0);
  REQUIRE(parts[1].role == "scales");
  REQUIRE(parts[1].shape == std::vector<int64_t>{3, 2});
  REQUIRE(parts[1].file == source::Extent{1, 700 + (2 * 5 + 1) * 2, 3 * 2});
  REQUIRE(parts[1].at == 3 * 32);
  REQUIRE(rows.stored.bytes == 3 * 34);
}

TEST_CASE("what is no pair of codes and scales stays two tensors", "[source][part_names]") {
  const auto blocks = bytes("a_blocks", {4, 16}, 0, 0), scales = bytes("a_scales", {4}, 0, 64);
  const auto stays = [](std::vector<Tensor> all) {
    const auto before = all.size();
    join_parts(all, mxfp4());
    return all.size() == before;
  };
  REQUIRE_FALSE(stays({blocks, scales}));
  REQUIRE(stays({blocks}));
  REQUIRE(stays({scales}));
  REQUIRE(stays({blocks, scales, bytes("a", {4}, 0, 68)}));
  REQUIRE(stays({blocks, bytes("a_scales", {5}, 0, 64)}));
  REQUIRE(stays({blocks, bytes("a_scales", {4, 1}, 0, 64)}));
  REQUIRE(stays({bytes("a_blocks", {4, 8}, 0, 0), scales}));
  REQUIRE(stays({bytes("a_blocks", {0, 16}, 0, 0), bytes("a_scales", {0}, 0, 0)}));
  auto floats = scales;
  floats.stored = source::dense_form({STRATA_FLOAT, 32, 1}, {4});
  REQUIRE(stays({blocks, floats}));
}

TEST_CASE("a wrong entry for a scheme's parts is refused by its place", "[source][part_names]") {
  struct Row {
    std::string json, line;
  };
  const auto row = GENERATE(values<Row>({
      {R"({"weight":"w","block":1,"parts":[]})", "parts.X has a 'weight' without {}"},
      {R"({"weight":"{}","block":0,"parts":[]})", "parts.X has a 'block' that is no count"},
      {R"({"weight":"{}","block":1,"parts":[]})", "parts.X has no parts"},
      {R"({"weight":"{}","block":1})", "parts.X has no parts"},
      {R"({"weight":"{}"})", "parts.X has no parts"},
      {R"({"weight":"{}","block":1,"parts":[{"role":"a","tensor":"{}.a","dtype":"F7"}]})",
       "parts.X.parts has an unknown dtype"},
      {R"({"weight":"{}","block":1,"parts":[{"rule":"a"}]})",
       "parts.X.parts has an unknown key 'rule'"},
  }));
  REQUIRE_THROWS_WITH(source::packed_names(parse_json("{\"X\":" + row.json + "}", "m"), "manifest"),
                      "manifest: " + row.line + ": fix the manifest's \"parts\"");
}
