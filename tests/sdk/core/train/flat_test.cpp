#include "core/train/flat.hpp"

#include <strata/abi/model.h>

#include <catch2/catch.hpp>

namespace strata::train {

namespace {

zero::Weight weight(std::vector<int64_t> shape, uint32_t group, uint64_t offset) {
  zero::Weight made;
  made.shape = std::move(shape);
  made.group = group;
  made.run_offset = offset;
  made.run_bytes = 4;
  for (const auto n : made.shape) made.run_bytes *= static_cast<uint64_t>(n);
  return made;
}

}  // namespace

TEST_CASE("members of a group follow each other, other weights begin at multiples of 64",
          "[train][flat]") {
  zero::Unit unit;
  unit.weights = {weight({5}, 0, 0),   weight({3, 5}, 1, 256),   weight({2, 5}, 1, 256 + 60),
                  weight({3}, 2, 512), weight({2}, 2, 512 + 12), weight({5, 70}, 0, 768)};
  const auto flat = flat_of(unit);
  REQUIRE(flat.pieces.size() == 6);
  const uint64_t first[] = {0, 64, 79, 128, 131, 192}, count[] = {5, 15, 10, 3, 2, 350};
  const bool matrix[] = {false, true, true, false, false, true};
  for (uint32_t i = 0; i < 6; ++i) {
    CAPTURE(i);
    CHECK(flat.pieces[i].weight == i);
    CHECK(flat.pieces[i].first == first[i]);
    CHECK(flat.pieces[i].count == count[i]);
    CHECK(flat.pieces[i].matrix == matrix[i]);
  }
  CHECK(flat.elements == 576);
  CHECK(flat.row_width == 0);
}

TEST_CASE("a table that is not held has no piece but rows behind the others", "[train][flat]") {
  zero::Unit unit;
  unit.kind = STRATA_UNIT_EMBEDDING;
  unit.weights = {weight({99, 24}, 0, zero::not_held), weight({7, 24}, 0, 0)};
  unit.weights[0].role = STRATA_TABLE;
  const auto flat = flat_of(unit);
  REQUIRE(flat.pieces.size() == 1);
  CHECK(flat.pieces[0].weight == 1);
  CHECK(flat.elements == 192);
  CHECK(flat.rows == 192);
  CHECK(flat.row_width == 24);
  CHECK(piece_of(flat, 0) == nullptr);
  REQUIRE(piece_of(flat, 1) != nullptr);
  CHECK(piece_of(flat, 1)->count == 168);
}

TEST_CASE("weights that another unit holds have no piece", "[train][flat]") {
  zero::Unit expert;
  expert.expert = 3;
  expert.weights = {weight({8, 24}, 0, zero::not_held), weight({7, 24}, 0, 0)};
  expert.weights[0].role = STRATA_TABLE;
  const auto flat = flat_of(expert);
  REQUIRE(flat.pieces.size() == 1);
  CHECK(flat.row_width == 0);
  CHECK(flat_of(zero::Unit()).elements == 0);
}

}  // namespace strata::train
