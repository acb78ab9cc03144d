// A tensor of a checkpoint: its stored form, and the steps from there to its shape.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/source/form.hpp"

namespace strata::source {

struct Tensor {
  std::string name;
  std::vector<int64_t> shape;  // the checkpoint's, row-major
  Form stored{};
  std::vector<Step> steps{};  // in order; none: the stored elements are the run form's
  bool as_used = false;       // its shape is the ops' whatever the files of the model are like
  // Not empty: the tensor is joined from these (the step Join), each with a form and steps of its
  // own. Its own form has their bytes and no parts.
  std::vector<Tensor> pieces{};

  template <class Kind>
  const Kind* step() const {
    return find_step<Kind>(steps);
  }
};

// Joins pieces of rows; each has `blocks` equal blocks of them and the same columns.
Tensor joined(std::string name, uint32_t blocks, std::vector<Tensor> pieces);

// The tensor itself, or its pieces: each with a form of its own.
std::span<const Tensor> forms(const Tensor& tensor);

// Whether it holds a quantized scheme's blocks.
bool in_blocks(const Tensor& tensor);

std::int64_t elements(const Tensor& tensor);  // its shape is checked, so the product fits
std::string shape_text(const std::vector<std::int64_t>& shape);  // "[2,3]"

// The name of one expert's weight: the common name with the expert's number for "{}".
std::string numbered(const std::string& name, uint32_t expert);

// Rows `first` to `first + count` of the first dimension, as a tensor of their own. Throws Error if
// there are not as many, if a block straddles rows, if a block of reordered rows is cut, or if only
// some rows of a transposed matrix are wanted.
Tensor rows(const Tensor& tensor, std::int64_t first, std::int64_t count);

// The slice with index `at` along the first dimension, without that dimension.
Tensor slice(const Tensor& stack, std::int64_t at);

}  // namespace strata::source
