// The places of a weight's stored rows in its run form: the steps between the two forms.
#pragma once
#include <ATen/core/Tensor.h>

#include "core/source/tensor.hpp"

namespace strata::torch {

// Takes rows in the order of the stored form and puts them where the steps say. It does all steps
// but Add, Multiply and Join.
class PutRows {
 public:
  // `run` is a vector, a matrix [rows,columns], or several matrices [matrices,rows,columns], and
  // need not be contiguous. Throws Error where the steps do not fit its shape.
  PutRows(const source::Tensor& from, at::Tensor run);

  int64_t count() const { return count_; }    // rows to put
  int64_t length() const { return length_; }  // elements of one
  // The stored rows and their elements, of which a Slice wants only some.
  int64_t stored_count() const { return slice_ && !cuts_rows_ ? slice_->all : count_; }
  int64_t stored_length() const { return cuts_rows_ ? slice_->all : length_; }
  // Whether rows of the file are put as they are, neither some of their elements nor each alone.
  bool whole_rows() const { return whole_rows_; }

  // Takes those to put from all stored rows [stored_count,..].
  at::Tensor wanted(const at::Tensor& stored) const;
  // The number of rows that move together; put() takes whole ones.
  int64_t together() const { return together_; }
  // Whether each row has one place, rows(); else put() takes them there.
  bool in_place() const { return !order_ && run_.dim() != 3; }
  at::Tensor rows(int64_t first, int64_t n) const { return run_.narrow(0, first, n); }
  // Casts and copies rows [n,length], the first of which is row `first`.
  void put(const at::Tensor& rows, int64_t first) const;

 private:
  at::Tensor run_;
  const source::Reorder* order_;
  const source::Slice* slice_;
  bool transposed_, cuts_rows_, whole_rows_;
  int64_t count_ = 0, length_ = 0, together_ = 1;
};

}  // namespace strata::torch
