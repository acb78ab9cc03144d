// The layout of units: from a family's declaration and the checkpoint's tensors to units with
// places for their weights.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/shape/declared.hpp"
#include "core/zero/unit.hpp"

namespace strata::zero {

// The run form of weights [out,in] that the ops use in a codec's parts, each with the weight's
// rows: of the stored scheme, or of another to which its codec repacks them. A dense form may have
// such a run form too, whose part is its elements. Nothing: the run form is dense in the run's
// dtype.
using CodedForm = std::function<std::optional<source::Form>(const source::Form& stored,
                                                            std::span<const int64_t> shape)>;

struct LayoutOptions {
  strata_dtype dtype{STRATA_FLOAT, 32, 1};  // of the run form
  bool rows = true;      // the embedding's table is not held but gathered row by row
  uint64_t tile = 0;     // the most bytes of run form of a tile that the head is cut into; 0: whole
  uint64_t align = 256;  // bytes at whose multiples weights begin in the run form
  CodedForm coded{};     // empty: every run form is dense
  bool looked_up = false;  // the head's rows are looked up too, so that each is one piece
};

// Finds the tensor of a declared weight (an expert's has its number in the name); only rows [first,
// first + count) where count is not 0.
using FindTensor =
    std::function<source::Tensor(const shape::DeclaredWeight&, int64_t first, int64_t count)>;

std::vector<Unit> lay_out(std::span<const shape::DeclaredUnit> declared, const FindTensor& find,
                          const LayoutOptions& options);

}  // namespace strata::zero
