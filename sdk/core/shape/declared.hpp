// The units and weights that a family declares for one configuration.
#pragma once
#include <strata/abi/model.h>

#include <cstdint>
#include <string>
#include <vector>

namespace strata::shape {

struct DeclaredWeight {
  std::string name;            // the checkpoint's, whole
  std::vector<int64_t> shape;  // as the ops use it
  uint32_t role = STRATA_MATRIX;
  uint32_t group = 0;  // neighbors with the same number are packed; 0: no group
  uint32_t experts = 0;
  bool in_out = false;    // the file holds [in,out]
  bool by_turns = false;  // `also` interleaves the rows of a group's members
  bool float32 = false;   // float32 in any model's dtype
  // Another name that files give the weight, or the tensor of all experts; empty: none.
  std::string also = {};
};

struct DeclaredUnit {
  std::string name;
  uint32_t kind = STRATA_UNIT_BODY;
  std::vector<DeclaredWeight> weights;  // their order gives the indices that ops take
};

// The rows of the tensor named by `also` that are a weight's: `first`, `first` + `step`, ... of
// `all`, which the members of its group with the same other name share.
struct FusedRows {
  int64_t first = 0, all = 0, step = 1;
};
FusedRows fused_rows(const DeclaredUnit& unit, const DeclaredWeight& weight);

}  // namespace strata::shape
