// Reads a tensor as dense elements in the order of its run form, some rows at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "core/source/checkpoint.hpp"

namespace strata::source {

// Takes the steps of a tensor while it reads: whoever quantizes or writes a weight gets its rows as
// the ops use them, whatever the file's order and form. One thread at a time uses an object;
// several objects may read one checkpoint at once, unless the tensor is a made one.
class DenseRows {
 public:
  // Expands a packed form to floats: whole rows of one that has them in its only part, or all of it
  // from the bytes of its parts.
  using Expand = std::function<void(
      const Tensor& form, std::span<const std::span<const std::byte>> parts, std::span<float> out)>;

  // `shape` is the run form's; a matrix is [out,in]. `dtype` is the tensor's own or a floating one.
  // `from` outlives this. Throws Error naming the tensor where its elements are no numbers, where
  // its blocks straddle rows, where a matrix in several parts is transposed, or where packed ones
  // have no `expand`.
  DenseRows(const Checkpoint& from, Tensor tensor, std::span<const std::int64_t> shape,
            strata_dtype dtype, Expand expand = {});

  std::uint64_t elements() const { return elements_; }
  // Reads begin and end at multiples of so many elements: 1, or those of a row.
  std::uint64_t step() const { return step_; }
  // The most elements of whole steps for which a read holds at most 32 MiB in each of its four
  // buffers, beside all elements of a form that is expanded whole. Throws Error where one step is
  // more.
  std::uint64_t piece() const;

  // The elements [first, first + count) of the run form in row-major order, as bytes of the dtype,
  // until the next call.
  std::span<const std::byte> read(std::uint64_t first, std::uint64_t count);

 private:
  // Rows that lie together in one form.
  struct Place {
    const Tensor* form;
    std::uint64_t row;
  };
  void check(const Tensor& form) const;
  Place place_of(std::uint64_t row) const;
  // Both write `count` elements or rows to `out`, which is within out_.
  void read_plain(const Tensor& form, std::uint64_t first, std::uint64_t count, std::byte* out);
  void read_transposed(const Tensor& form, std::uint64_t first, std::uint64_t count,
                       std::byte* out);
  void read_columns(const Tensor& form, std::uint64_t first, std::uint64_t count, std::byte* out);
  // Converts stored elements of the form, which are in stored_.
  void convert(const Tensor& form, std::uint64_t count, std::byte* out);
  // Takes the steps of the form's elements, which are in floats_.
  void finish(const Tensor& form, std::byte* out);
  // All elements of a form that is expanded whole.
  const std::vector<float>& whole(const Tensor& form);

  const Checkpoint& from_;
  Tensor tensor_;
  strata_dtype dtype_;
  Expand expand_;
  std::uint64_t elements_ = 0, step_ = 1;
  bool moved_ = false;                    // rows change their places, or are columns in the file
  std::vector<std::int64_t> stored_row_;  // by the run form's row; empty: the same
  std::vector<std::byte> out_, stored_, columns_;
  std::vector<float> floats_;
  std::map<const Tensor*, std::vector<float>> whole_;
};

}  // namespace strata::source
