#include "core/source/block_pairs.hpp"

#include <catch2/catch.hpp>

using namespace strata;
using source::Tensor;

namespace {

constexpr strata_dtype byte{STRATA_UINT, 8, 1};

Tensor bytes(std::string name, std::vector<int64_t> shape, uint32_t file, uint64_t offset) {
  Tensor out;
  out.name = std::move(name);
  out.shape = std::move(shape);
  out.stored = {byte, "", 1, 1};
  out.at = {file, offset, static_cast<uint64_t>(elements(out))};
  return out;
}

}  // namespace

TEST_CASE("codes and scales of two files are one tensor of blocks", "[source][block_pairs]") {
  std::vector<Tensor> all{bytes("a_scales", {3, 5, 2}, 1, 700), bytes("b", {16}, 0, 0),
                          bytes("a_blocks", {3, 5, 2, 16}, 0, 100)};
  join_block_pairs(all);
  REQUIRE(all.size() == 2);
  REQUIRE(all[0].name == "b");
  const auto& made = all[1];
  REQUIRE(made.name == "a");
  REQUIRE(made.shape == std::vector<int64_t>{3, 5, 64});
  REQUIRE(made.stored.scheme == "MXFP4_SPLIT");
  const auto rows = source::rows(source::slice(made, 2), 1, 3);
  REQUIRE(rows.shape == std::vector<int64_t>{3, 64});
  REQUIRE(rows.at.file == 0);
  REQUIRE(rows.at.offset == 100 + (2 * 5 + 1) * 32);
  REQUIRE(rows.at.bytes == 3 * 32);
  REQUIRE(rows.scales.file == 1);
  REQUIRE(rows.scales.offset == 700 + (2 * 5 + 1) * 2);
  REQUIRE(rows.scales.bytes == 3 * 2);
}

TEST_CASE("what is no pair of codes and scales stays two tensors", "[source][block_pairs]") {
  const auto blocks = bytes("a_blocks", {4, 16}, 0, 0), scales = bytes("a_scales", {4}, 0, 64);
  const auto stays = [](std::vector<Tensor> all) {
    const auto before = all.size();
    join_block_pairs(all);
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
  floats.stored = {{STRATA_FLOAT, 32, 1}, "", 1, 4};
  REQUIRE(stays({blocks, floats}));
}
