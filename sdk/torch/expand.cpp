#include "torch/expand.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/plugin/words.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

// Blocks of rows, each of them in the order of the run form.
void copy_reordered(at::Tensor run, const at::Tensor& rows, int64_t blocks,
                    const source::RowOrder& order) {
  run.unflatten(0, {blocks, order.inner, order.outer, -1})
      .copy_(rows.unflatten(0, {blocks, order.outer, order.inner, -1}).transpose(1, 2));
}

struct Rows {
  int64_t count, elements;  // elements of one
};

Rows rows_of(at::IntArrayRef shape) {
  if (shape.size() == 1) return {1, shape[0]};
  int64_t elements = 1;
  for (const auto n : shape.slice(1)) elements *= n;
  return {shape[0], elements};
}

int64_t rows_of_block(const zero::Weight& w, at::IntArrayRef shape) {
  const auto& order = w.source.order;
  if (shape[0] % (int64_t{order.blocks} * order.outer * order.inner) != 0)
    throw Error(w.name,
                std::to_string(shape[0]) + " rows are not " + std::to_string(order.blocks) +
                    " blocks of " + std::to_string(order.outer) + " by " +
                    std::to_string(order.inner),
                "correct the file");
  return shape[0] / order.blocks;
}

void expand_dense(const zero::Weight& w, at::IntArrayRef shape, const std::byte* stored,
                  at::Tensor run, const Expansion& how) {
  const auto type = scalar_type(w.source.stored.dtype);
  const auto& share = w.source.share;
  if (shape.size() == 2 && (w.source.turned || share.all != 0)) {
    const auto all = share.all != 0 ? share.all : shape[0];
    const auto rows = w.source.turned ? borrowed(stored, {shape[1], all}, type, how.device).t()
                                      : borrowed(stored, {all, shape[1]}, type, how.device);
    run.copy_(rows.slice(0, share.first, share.first + shape[0] * share.step, share.step));
  } else if (w.source.order.blocks)
    copy_reordered(run, borrowed(stored, shape, type, how.device),
                   shape[0] / rows_of_block(w, shape), w.source.order);
  else
    run.copy_(borrowed(stored, shape, type, how.device));
}

void unpack(const run::Codec& codec, const zero::Weight& w, at::Tensor blocks, at::Tensor dense,
            const Expansion& how) {
  TorchTensor part(std::move(blocks)), out(std::move(dense));
  strata_tensor* first = &part;
  const strata_parts parts{&first, 1};
  if (codec.table->unpack(codec.self, how.call, &parts, &out) != STRATA_OK)
    throw Error(w.name, plugin::take_words(), "correct the file");
}

// Blocks run along the last dimension, so rows are unpacked a few at a time: what is between the
// two forms stays in the processor's cache. A GPU unpacks to the wanted dtype at once, in steps
// large enough to fill it.
void expand_blocks(const zero::Weight& w, at::IntArrayRef shape, const std::byte* stored,
                   at::Tensor run, const Expansion& how) {
  const auto& form = w.source.stored;
  const auto codec = (*how.codec)(form.scheme);
  const auto rows = rows_of(shape);
  if (rows.elements % form.block_elements != 0 || w.source.turned || w.source.share.all != 0)
    throw Error(w.name, "its rows are no whole blocks of " + form.scheme, "correct the file");
  const auto row_bytes = rows.elements / form.block_elements * form.block_bytes;
  const auto blocks = borrowed(stored, {rows.count, row_bytes}, at::kByte, how.device);
  const auto between_type = how.device.is_cpu() ? at::kFloat : how.dtype;
  if (how.dtype == between_type && !w.source.order.blocks) {
    unpack(codec, w, blocks, run.view({rows.count, rows.elements}), how);
    return;
  }
  const auto some =
      static_cast<int64_t>(how.device.is_cpu() ? run::between_on_cpu : run::between_on_gpu);
  const auto whole = w.source.order.blocks ? rows_of_block(w, shape) : 1;
  const auto step = std::max<int64_t>(whole, some / rows.elements / whole * whole);
  const auto between =
      at::empty({std::min(step, rows.count), rows.elements}, run.options().dtype(between_type));
  const auto out = run.view({rows.count, rows.elements});
  for (int64_t first = 0; first < rows.count; first += step) {
    const auto n = std::min(step, rows.count - first);
    const auto wide = between.narrow(0, 0, n);
    unpack(codec, w, blocks.narrow(0, first, n), wide, how);
    if (w.source.order.blocks)
      copy_reordered(out.narrow(0, first, n), wide, n / whole, w.source.order);
    else
      out.narrow(0, first, n).copy_(wide);
  }
}

}  // namespace

void expand(const zero::Weight& weight, at::IntArrayRef shape, const std::byte* stored,
            std::byte* run, const Expansion& how) {
  auto to = borrowed(run, shape, how.dtype, how.device);
  if (weight.source.stored.scheme.empty())
    expand_dense(weight, shape, stored, to, how);
  else
    expand_blocks(weight, shape, stored, to, how);
}

}  // namespace strata::torch
