// Checks that hold of dropout wherever it is.
#pragma once
#include <catch2/catch.hpp>

#include "tests/sdk/torch/train/small_family.hpp"

namespace strata::torch::test {

// The row `r` as a micro-batch.
inline Rows row_of(const Rows& all, std::size_t r) {
  return {{all.ids[r]}, {all.numbers[r]}, {all.targets[r]}, {all.weights[r]}};
}

// Checks that seed, step and row each change what is dropped, and that a validation drops nothing:
// it has the loss of `dry`, the same model without dropout, which gets the weights of `taught`.
inline void check_drops(Taught& taught, Taught& dry) {
  for (const auto& [name, value] : taught.weights()) dry.set(name, value);
  const auto rows = some_rows({6, 3, 8});
  const auto base = taught.step({rows}, settings()).tokens;
  CHECK(taught.step({rows}, settings()).tokens == base);
  CHECK(dry.step({rows}, settings()).tokens != base);
  auto other = settings();
  other.seed = 12;
  CHECK(taught.step({rows}, other).tokens != base);
  other = settings();
  other.step = 4;
  CHECK(taught.step({rows}, other).tokens != base);
  auto elsewhere = rows;
  elsewhere.numbers[0] = 99;
  CHECK(taught.step({elsewhere}, settings()).tokens != base);
  other = settings();
  other.training = false;
  CHECK(taught.score(rows, other).tokens == dry.score(rows, other).tokens);
}

}  // namespace strata::torch::test
