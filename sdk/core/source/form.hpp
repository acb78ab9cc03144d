// The forms of a weight: its parts in bytes, and the steps from the stored form to the run form.
#pragma once
#include <strata/abi/core.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace strata::source {

// Bytes of one file, contiguous.
struct Extent {
  uint32_t file = 0;  // index into the checkpoint's files
  uint64_t offset = 0, bytes = 0;
  bool operator==(const Extent&) const = default;
};

// One array of a form.
struct Part {
  std::string role;            // the codec's name of it: "codes", "scales"; empty in a dense form
  strata_dtype dtype{};        // uint8 for bytes that only the codec understands
  std::vector<int64_t> shape;  // row-major
  Extent file{};               // its place in the checkpoint; no bytes: it is in none
  uint64_t at = 0;             // from the beginning of the form
};

// A form is dense, or a codec's. The parts lie one behind the other, each at a multiple of its
// element's bytes.
struct Form {
  std::string scheme{};        // such as "Q4_1"; empty: dense, one part
  std::vector<Part> parts{};   // none: the form of a tensor that is joined from pieces
  uint64_t at = 0, bytes = 0;  // from the beginning of the unit; of a piece, of the joined tensor
  bool by_rows = true;         // each part has the weight's rows; else its codec takes it whole

  bool dense() const { return scheme.empty(); }
  // The dtype of dense elements; float32 for others, to which a codec unpacks.
  strata_dtype dtype() const;
  // The place of the first part in the checkpoint's files.
  const Extent& file() const;
};

Form dense_form(strata_dtype dtype, std::vector<int64_t> shape, Extent file = {});
// The bytes of blocks along the last dimension of `shape`, each of so many elements and bytes.
Part block_part(std::string role, std::vector<int64_t> shape, uint32_t elements, uint32_t bytes,
                Extent file);
// Gives the parts their places.
Form packed_form(std::string scheme, std::vector<Part> parts);

// "F32", or the scheme.
std::string form_name(const Form& form);

// The steps. Each says how the elements that the form holds differ from those of the run form.

// Each of so many equal matrices, one below the other, is transposed.
struct Transpose {
  uint32_t matrices = 1;
  bool operator==(const Transpose&) const = default;
};

// The rows have another order: each of `blocks` equal blocks has them as [outer][inner][rest] and
// in the run form as [inner][outer][rest]. The first of the outer parts has `wide` rests for each
// inner one.
struct Reorder {
  uint32_t blocks = 1, outer = 1, inner = 1, wide = 1;
  uint32_t parts() const { return wide + outer - 1; }  // rests of an inner one
  bool operator==(const Reorder&) const = default;
};

// Only some of `all` rows are wanted: every `step`-th from `first` on. They are rows of the run
// form; where the matrix is transposed too, this comes after it.
struct Slice {
  int64_t all = 0, first = 0, step = 1;
  bool operator==(const Slice&) const = default;
};

// A number is added to each element of a dense form.
struct Add {
  double value = 0;
  bool operator==(const Add&) const = default;
};

// Each element is multiplied by a number. A form has this step or Add, not both.
struct Multiply {
  double factor = 1;
  bool operator==(const Multiply&) const = default;
};

// The rows come from several pieces, each with `blocks` equal blocks of rows: a block of the run
// form has one block of each piece, in order.
struct Join {
  uint32_t blocks = 1;
  bool operator==(const Join&) const = default;
};

using Step = std::variant<Transpose, Reorder, Slice, Add, Join, Multiply>;

// The step of that kind, of which a list has at most one; null: it has none.
template <class Kind>
const Kind* find_step(const std::vector<Step>& steps) {
  for (const auto& step : steps)
    if (const auto* found = std::get_if<Kind>(&step)) return found;
  return nullptr;
}

// Transposes the matrix once more: a second time undoes the first.
void transpose(std::vector<Step>& steps);

// The index in the run form of the row with index `row` among `rows` stored rows.
int64_t run_row(const Reorder& order, int64_t rows, int64_t row);

}  // namespace strata::source
