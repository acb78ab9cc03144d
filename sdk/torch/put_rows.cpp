#include "torch/put_rows.hpp"

#include "core/error.hpp"
#include "torch/pch.hpp"

namespace strata::torch {
namespace {

int64_t rows_of_block(const source::Tensor& from, const source::Reorder& order, int64_t rows) {
  if (rows % (int64_t{order.blocks} * order.parts() * order.inner) != 0)
    throw Error(from.name,
                std::to_string(rows) + " rows are not " + std::to_string(order.blocks) +
                    " blocks of " + std::to_string(order.parts()) + " by " +
                    std::to_string(order.inner),
                "correct the file");
  return rows / order.blocks;
}

// Copies blocks of rows, and brings each block into the order of the run form.
void copy_reordered(const at::Tensor& run, const at::Tensor& rows, int64_t blocks,
                    const source::Reorder& order) {
  const int64_t inner = order.inner, wide = order.wide, parts = order.parts();
  const auto to = run.unflatten(0, {blocks, inner, parts, -1});
  const auto from = rows.unflatten(0, {blocks, inner * parts, -1});
  to.narrow(2, 0, wide).copy_(from.narrow(1, 0, inner * wide).unflatten(1, {inner, wide}));
  if (parts == wide) return;
  const auto others = from.narrow(1, inner * wide, inner * (parts - wide));
  to.narrow(2, wide, parts - wide)
      .copy_(others.unflatten(1, {parts - wide, inner}).transpose(1, 2));
}

}  // namespace

PutRows::PutRows(const source::Tensor& from, at::Tensor run)
    : run_(std::move(run)), order_(from.step<source::Reorder>()),
      slice_(from.step<source::Slice>()) {
  const auto* transpose = from.step<source::Transpose>();
  transposed_ = transpose != nullptr;
  cuts_rows_ = slice_ && (transposed_ || run_.dim() < 2);
  if (run_.dim() < 2) run_ = run_.view({1, -1});
  if (transpose && run_.dim() == 2) run_ = run_.unflatten(0, {int64_t{transpose->matrices}, -1});
  length_ = run_.size(transposed_ ? 1 : -1);
  if (run_.dim() == 3) together_ = run_.size(transposed_ ? 2 : 1);
  count_ = run_.size(0) * together_;
  if (order_) together_ = rows_of_block(from, *order_, count_);
}

at::Tensor PutRows::wanted(const at::Tensor& stored) const {
  if (!slice_) return stored;
  const auto n = cuts_rows_ ? length_ : count_;
  const auto end = slice_->first + n * slice_->step;
  return stored.slice(cuts_rows_ ? 1 : 0, slice_->first, end, slice_->step);
}

void PutRows::put(const at::Tensor& rows, int64_t first) const {
  const auto blocks = rows.size(0) / together_;
  if (run_.dim() == 3) {
    const auto each = rows.unflatten(0, {blocks, together_});
    run_.narrow(0, first / together_, blocks).copy_(transposed_ ? each.transpose(1, 2) : each);
  } else if (order_) {
    copy_reordered(run_.narrow(0, first, rows.size(0)), rows, blocks, *order_);
  } else {
    run_.narrow(0, first, rows.size(0)).copy_(rows);
  }
}

}  // namespace strata::torch
