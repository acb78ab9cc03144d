#include "torch/gradients.hpp"

#include <ATen/ops/mm.h>

#include <algorithm>
#include <string>

#include "core/error.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

bool narrower(at::ScalarType a, at::ScalarType b) {
  return at::elementSize(a) < at::elementSize(b);
}

// Puts left [out,T] times right [T,in] into `to` [out,in], or adds it.
void multiply(at::Tensor to, const at::Tensor& left, const at::Tensor& right, bool add) {
  const auto from = left.scalar_type(), type = to.scalar_type();
  if (from == type) {
    if (add)
      to.addmm_(left, right);
    else
      at::mm_out(to, left, right);
  } else if (!narrower(from, type)) {
    const auto made = at::mm(left, right);
    if (add)
      to.add_(made);
    else
      to.copy_(made);
  } else if (to.is_cuda() && type == at::kFloat) {
    // cuBLAS sums in float32 anyway and writes its sums as they are.
    if (add)
      to.add_(at::mm(left, right, type));
    else
      at::mm_out(to, left, right, type);
  } else {
    multiply(std::move(to), left.to(type), right.to(type), add);
  }
}

}  // namespace

Gradients::Gradients(const train::Flat& flat, std::byte* memory, at::ScalarType type,
                     const at::Device& device)
    : flat_(flat), memory_(memory), type_(type), device_(device), filled_(flat.pieces.size()) {}

at::Tensor Gradients::elements(uint64_t first, uint64_t count) const {
  return borrowed(memory_ + first * at::elementSize(type_), {static_cast<int64_t>(count)}, type_,
                  device_);
}

Gradients::Place Gradients::place(uint32_t first, uint32_t members) {
  const auto* piece = train::piece_of(flat_, first);
  const auto index = piece ? static_cast<std::size_t>(piece - flat_.pieces.data()) : 0;
  if (!piece || index + members > flat_.pieces.size())
    throw Error("gradients", "weight " + std::to_string(first) + " has no place", "");
  uint64_t count = 0;
  bool some = false, all = true;
  for (auto i = index; i < index + members; ++i) {
    if (flat_.pieces[i].weight != first + (i - index) ||
        flat_.pieces[i].first != piece->first + count)
      throw Error("gradients", "weight " + std::to_string(first) + " is not beside the next", "");
    count += flat_.pieces[i].count;
    some |= filled_[i];
    all &= filled_[i];
  }
  for (auto i = index; i < index + members; ++i) {
    if (some && !filled_[i]) elements(flat_.pieces[i].first, flat_.pieces[i].count).zero_();
    filled_[i] = true;
  }
  return {elements(piece->first, count), some || all};
}

void Gradients::add_product(uint32_t first, uint32_t members, const at::Tensor& dy,
                            const at::Tensor& x) {
  const auto [to, filled] = place(first, members);
  multiply(to.view({dy.size(1), x.size(1)}), dy.t(), x, filled);
}

void Gradients::add_sum(uint32_t first, uint32_t members, const at::Tensor& dy) {
  const auto wide = narrower(dy.scalar_type(), type_) ? type_ : dy.scalar_type();
  add(first, members, dy.sum(at::IntArrayRef({0}), false, wide));
}

void Gradients::add(uint32_t first, uint32_t members, const at::Tensor& gradient) {
  auto [to, filled] = place(first, members);
  const auto shaped = to.view(gradient.sizes());
  if (filled)
    shaped.add_(gradient);
  else
    shaped.copy_(gradient);
}

void Gradients::add_rows(uint32_t table, const at::Tensor& ids, const at::Tensor& gradient) {
  if (!train::piece_of(flat_, table)) {
    const auto to = elements(flat_.rows, static_cast<uint64_t>(gradient.numel()));
    const auto shaped = to.view(gradient.sizes());
    if (gradient.size(1) != static_cast<int64_t>(flat_.row_width))
      throw Error("gradients", "the rows of a table have another width than its unit says", "");
    if (rows_filled_)
      shaped.add_(gradient);
    else
      shaped.copy_(gradient);
    rows_filled_ = true;
    return;
  }
  const auto [to, filled] = place(table, 1);
  if (!filled) to.zero_();
  auto rows = to.view({-1, gradient.size(1)});
  // Each of the two adds the gradients of an id in the order of its tokens.
  if (rows.is_cuda())
    rows.index_put_({ids.to(at::kLong)}, gradient.to(type_), true);
  else
    rows.index_add_(0, ids, gradient.to(type_));
}

void Gradients::finish() {
  uint64_t end = 0;  // of what has been seen to
  const auto zero_to = [&](uint64_t next) {
    if (next > end) elements(end, next - end).zero_();
  };
  for (std::size_t i = 0; i < flat_.pieces.size(); ++i) {
    const auto& piece = flat_.pieces[i];
    if (!filled_[i]) continue;
    zero_to(piece.first);
    end = piece.first + piece.count;
  }
  zero_to(flat_.elements);
}

}  // namespace strata::torch
