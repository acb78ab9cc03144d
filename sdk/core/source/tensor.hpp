// A tensor's place and form in a checkpoint's files.
#pragma once
#include <strata/abi/core.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace strata::source {

// Bytes of one file, contiguous.
struct Extent {
  uint32_t file = 0;  // index into the checkpoint's files
  uint64_t offset = 0, bytes = 0;
};

// The form of the bytes: dense elements, or blocks of a quantized scheme.
struct Stored {
  strata_dtype dtype{};         // of the elements; for blocks float32, to which they expand
  std::string scheme;           // such as "Q4_1"; empty: dense
  uint32_t block_elements = 1;  // elements in a block, along the last dimension
  uint32_t block_bytes = 0;     // bytes of a block; of an element if dense
};

// "F32", or the scheme.
std::string stored_name(const Stored& stored);

// The order of rows that a file holds in another order than the run form: each of `blocks` equal
// blocks has them as [outer][inner][rest] in the file and as [inner][outer][rest] in the run form.
// The first of the outer parts has `wide` rests for each inner one.
struct RowOrder {
  uint32_t blocks = 0;  // 0: the same order
  uint32_t outer = 1, inner = 1;
  uint32_t wide = 1;

  uint32_t parts() const { return wide + outer - 1; }  // rests of an inner one
};

// The weight's share of rows among other weights' rows, all of which are read: every `step`-th row
// from `first` on.
struct Share {
  std::int64_t all = 0;  // 0: every row is
  std::int64_t first = 0, step = 1;
};

struct Tensor {
  std::string name;
  std::vector<int64_t> shape;  // row-major
  Stored stored;
  Extent at;
  RowOrder order;
  uint32_t by_columns = 0;  // the number of matrices, one below the other, in column-major order
  bool turned = false;      // transposed: the rows of the run form are its columns
  Share share{};            // of the rows of the run form
  double add = 0;           // added to each element, of dense float32
  Extent scales{};          // the scales of blocks without their own, a byte each; held behind `at`
  // Not empty: the tensor is made of these and has no bytes of its own. Each part has order.blocks
  // equal blocks of rows: a block of the tensor has one of each part, in order.
  std::vector<Tensor> parts{};
};

// The tensor itself, or the parts it is made of: each with a form of its own.
std::span<const Tensor> forms(const Tensor& tensor);

// The offset of each of the forms from the beginning of the tensor's bytes in memory, then their
// end.
std::vector<uint64_t> places(const Tensor& tensor);
uint64_t held_bytes(const Tensor& tensor);

// Whether it holds a quantized scheme's blocks.
bool in_blocks(const Tensor& tensor);

std::int64_t elements(const Tensor& tensor);  // its shape is checked, so the product fits
std::string shape_text(const std::vector<std::int64_t>& shape);  // "[2,3]"

// The name of one expert's weight: the common name with the expert's number for "{}".
std::string numbered(const std::string& name, uint32_t expert);

// The index in the run form of the row with index `row` among the stored rows.
std::int64_t run_row(const Tensor& tensor, std::int64_t row);

// Rows `first` to `first + count` of the first dimension, as a tensor of their own. Throws Error if
// there are not as many, if a block straddles rows, if a block of reordered rows is cut, or if only
// some rows of a turned matrix are wanted.
Tensor rows(const Tensor& tensor, std::int64_t first, std::int64_t count);

// The slice with index `at` along the first dimension, without that dimension.
Tensor slice(const Tensor& stack, std::int64_t at);

}  // namespace strata::source
