#include "torch/expand.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/plugin/words.hpp"
#include "torch/form.hpp"
#include "torch/mode.hpp"
#include "torch/pch.hpp"
#include "torch/run_parts.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

// Blocks of rows, each of them in the order of the run form.
void copy_reordered(at::Tensor run, const at::Tensor& rows, int64_t blocks,
                    const source::RowOrder& order) {
  const int64_t inner = order.inner, wide = order.wide, parts = order.parts();
  const auto to = run.unflatten(0, {blocks, inner, parts, -1});
  const auto from = rows.unflatten(0, {blocks, inner * parts, -1});
  to.narrow(2, 0, wide).copy_(from.narrow(1, 0, inner * wide).unflatten(1, {inner, wide}));
  if (parts == wide) return;
  const auto others = from.narrow(1, inner * wide, inner * (parts - wide));
  to.narrow(2, wide, parts - wide)
      .copy_(others.unflatten(1, {parts - wide, inner}).transpose(1, 2));
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
  if (shape[0] % (int64_t{order.blocks} * order.parts() * order.inner) != 0)
    throw Error(w.name,
                std::to_string(shape[0]) + " rows are not " + std::to_string(order.blocks) +
                    " blocks of " + std::to_string(order.parts()) + " by " +
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
  } else if (share.all != 0) {
    const auto all = borrowed(stored, {share.all}, type, how.device);
    run.copy_(all.slice(0, share.first, share.first + shape[0] * share.step, share.step));
  } else if (w.source.order.blocks) {
    copy_reordered(run, borrowed(stored, shape, type, how.device),
                   shape[0] / rows_of_block(w, shape), w.source.order);
  } else if (w.source.add != 0) {
    run.copy_(borrowed(stored, shape, type, how.device).add(w.source.add));
  } else {
    run.copy_(borrowed(stored, shape, type, how.device));
  }
}

void unpack(const run::Codec& codec, const zero::Weight& w, at::Tensor blocks, at::Tensor scales,
            at::Tensor dense, const Expansion& how) {
  TorchTensor part(std::move(blocks)), second(std::move(scales)), out(std::move(dense));
  strata_tensor* all[] = {&part, &second};
  const strata_parts parts{all, w.source.scales.bytes == 0 ? 1u : 2u};
  if (codec.table->unpack(codec.self, how.call, &parts, &out) != STRATA_OK)
    throw Error(w.name, plugin::take_words(), "correct the file");
}

constexpr int64_t in_cache = 1 << 16;  // elements: as floats a quarter MiB

// Blocks run along the last dimension, so rows are unpacked a few at a time: what is between the
// two forms stays in a core's cache. The CPU's threads take turns with the steps; a GPU's are large
// enough to fill it, and one where nothing is between the forms.
class Unpacking {
 public:
  Unpacking(const zero::Weight& w, at::IntArrayRef shape, const std::byte* stored, at::Tensor run,
            const Expansion& how)
      : w_(w), how_(how), rows_(rows_of(shape)), codec_((*how.codec)(w.source.stored.scheme)) {
    const auto& form = w.source.stored;
    if (rows_.elements % form.block_elements != 0 || w.source.turned)
      throw Error(w.name, "its rows are no whole blocks of " + form.scheme, "correct the file");
    const auto row_blocks = rows_.elements / form.block_elements;
    blocks_ = rows_at(stored, row_blocks * form.block_bytes);
    if (w.source.scales.bytes != 0) scales_ = rows_at(stored + w.source.at.bytes, row_blocks);
    out_ = run.view({rows_.count, rows_.elements});
    whole_ = w.source.order.blocks ? rows_of_block(w, shape) : 1;
    divide();
  }

  void run() {
    if (lanes_ == 1) return take_turn(0);
    run_parts(static_cast<int>(lanes_), [this](int lane) {
      const Unrecorded mode(!out_.is_inference());
      take_turn(lane);
    });
  }

 private:
  // The weight's rows of bytes, or those among others' that are its own.
  at::Tensor rows_at(const std::byte* stored, int64_t width) const {
    const auto& share = w_.source.share;
    const auto all = share.all != 0 ? share.all : rows_.count;
    auto bytes = borrowed(stored, {all, width}, at::kByte, how_.device);
    if (share.all == 0) return bytes;
    return bytes.slice(0, share.first, share.first + rows_.count * share.step, share.step);
  }

  static at::Tensor some(const at::Tensor& rows, int64_t first, int64_t n) {
    return rows.defined() ? rows.narrow(0, first, n).contiguous() : rows;
  }

  // As many lanes as may hold a step each between the two forms.
  void divide() {
    const bool on_cpu = how_.device.is_cpu();
    const auto some = static_cast<int64_t>(on_cpu ? run::between_on_cpu : run::between_on_gpu);
    const auto least = rows_.elements * whole_;
    lanes_ = on_cpu ? std::clamp<int64_t>(some / least, 1, at::get_num_threads()) : 1;
    const auto step = on_cpu ? std::min(some / lanes_, in_cache) : some;
    const bool at_once = !on_cpu && !w_.source.order.blocks && w_.source.share.all == 0;
    step_ = at_once ? rows_.count : std::max<int64_t>(1, step / least) * whole_;
    if (w_.source.order.blocks)
      between_ = at::empty({std::min(lanes_ * step_, rows_.count), rows_.elements}, out_.options());
  }

  void take_turn(int64_t lane) {
    for (auto first = lane * step_; first < rows_.count; first += lanes_ * step_) {
      const auto n = std::min(step_, rows_.count - first);
      const auto out = out_.narrow(0, first, n);
      const auto wide = between_.defined() ? between_.narrow(0, lane * step_, n) : out;
      unpack(codec_, w_, some(blocks_, first, n), some(scales_, first, n), wide, how_);
      if (between_.defined()) copy_reordered(out, wide, n / whole_, w_.source.order);
    }
  }

  const zero::Weight& w_;
  const Expansion& how_;
  Rows rows_;
  run::Codec codec_;
  at::Tensor blocks_, scales_, out_, between_;
  int64_t whole_ = 1;  // rows that are reordered together
  int64_t lanes_ = 1, step_ = 1;
};

}  // namespace

void expand(const zero::Weight& weight, at::IntArrayRef shape, const std::byte* stored,
            std::byte* run, const Expansion& of_unit) {
  auto how = of_unit;
  if (weight.float32) how.dtype = at::kFloat;
  auto to = borrowed(run, shape, how.dtype, how.device);
  if (weight.source.stored.scheme.empty())
    expand_dense(weight, shape, stored, to, how);
  else
    Unpacking(weight, shape, stored, to, how).run();
}

}  // namespace strata::torch
