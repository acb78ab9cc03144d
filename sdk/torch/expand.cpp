#include "torch/expand.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/lent.hpp"
#include "core/plugin/words.hpp"
#include "torch/form.hpp"
#include "torch/mode.hpp"
#include "torch/pch.hpp"
#include "torch/run_parts.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

// Copies blocks of rows, and brings each block into the order of the run form.
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

// The rows as the file has them, for a `run` of expand_form.
Rows rows_of(const source::Tensor& from, at::IntArrayRef shape) {
  if (shape.size() == 1) return {1, shape[0]};
  if (shape.size() == 2) return {shape[0], shape[1]};
  if (from.turned) return {shape[0] * shape[2], shape[1]};
  return {shape[0] * shape[1], shape[2]};
}

int64_t rows_of_block(const source::Tensor& from, at::IntArrayRef shape) {
  const auto& order = from.order;
  if (shape[0] % (int64_t{order.blocks} * order.parts() * order.inner) != 0)
    throw Error(from.name,
                std::to_string(shape[0]) + " rows are not " + std::to_string(order.blocks) +
                    " blocks of " + std::to_string(order.parts()) + " by " +
                    std::to_string(order.inner),
                "correct the file");
  return shape[0] / order.blocks;
}

void expand_dense(const source::Tensor& from, at::Tensor run, const std::byte* stored,
                  const Expansion& how) {
  const auto type = scalar_type(from.stored.dtype);
  const auto shape = run.sizes();
  const auto& share = from.share;
  if (shape.size() == 3) {
    if (from.turned)
      run.copy_(borrowed(stored, {shape[0], shape[2], shape[1]}, type, how.device).transpose(1, 2));
    else
      run.copy_(borrowed(stored, shape, type, how.device));
  } else if (shape.size() == 2 && (from.turned || share.all != 0)) {
    const auto all = share.all != 0 ? share.all : shape[0];
    const auto rows = from.turned ? borrowed(stored, {shape[1], all}, type, how.device).t()
                                  : borrowed(stored, {all, shape[1]}, type, how.device);
    run.copy_(rows.slice(0, share.first, share.first + shape[0] * share.step, share.step));
  } else if (share.all != 0) {
    const auto all = borrowed(stored, {share.all}, type, how.device);
    run.copy_(all.slice(0, share.first, share.first + shape[0] * share.step, share.step));
  } else if (from.order.blocks) {
    copy_reordered(run, borrowed(stored, shape, type, how.device),
                   shape[0] / rows_of_block(from, shape), from.order);
  } else if (from.add != 0) {
    run.copy_(borrowed(stored, shape, type, how.device).add(from.add));
  } else {
    run.copy_(borrowed(stored, shape, type, how.device));
  }
}

std::string words_or_none(std::string words) {
  return words.empty() ? "unpack failed without words" : words;
}

void unpack(const run::Codec& codec, const source::Tensor& from, at::Tensor blocks,
            at::Tensor scales, at::Tensor dense, const Expansion& how) {
  const plugin::Lent part(handle(std::move(blocks))), second(handle(std::move(scales))),
      out(handle(std::move(dense)));
  strata_tensor* all[] = {part.get(), second.get()};
  const strata_parts parts{all, from.scales.bytes == 0 ? 1u : 2u};
  if (plugin::called(
          codec.who, "unpack",
          [&] { return codec.table->unpack(codec.self, how.call, &parts, out.get()); },
          plugin::Pace::slow) != STRATA_OK)
    throw Error(codec.who, from.name + ": " + words_or_none(plugin::take_words()),
                "correct the file");
  for (const auto* one : {&part, &second, &out}) one->check(codec.who, "unpack");
}

constexpr int64_t in_cache = 1 << 16;  // elements: a quarter MiB as floats

// Unpacks blocks, which run along the last dimension, a few rows at a time, so that the buffer
// between the two forms stays in a core's cache. The CPU's threads take turns with the steps; a
// GPU's steps are large enough to fill it, and there is only one where no buffer is needed.
class Unpacking {
 public:
  Unpacking(const source::Tensor& from, at::Tensor run, const std::byte* stored,
            const Expansion& how)
      : from_(from), how_(how), out_(std::move(run)), codec_((*how.codec)(from.stored.scheme)) {
    const auto shape = out_.sizes();
    const auto& form = from.stored;
    rows_ = rows_of(from, shape);
    if (rows_.elements % form.block_elements != 0 || (from.turned && from.share.all != 0))
      throw Error(from.name, "its rows are no whole blocks of " + form.scheme, "correct the file");
    const auto row_blocks = rows_.elements / form.block_elements;
    blocks_ = rows_at(stored, row_blocks * form.block_bytes);
    if (from.scales.bytes != 0) scales_ = rows_at(stored + from.at.bytes, row_blocks);
    if (matrices())
      whole_ = rows_.count / shape[0];
    else if (from.order.blocks != 0)
      whole_ = rows_of_block(from, shape);
    if (shape.size() == 1) out_ = out_.view({rows_.count, rows_.elements});
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
  bool matrices() const { return out_.dim() == 3; }
  // Whether unpacked rows need a buffer, from which they are put into their places.
  bool between() const { return matrices() || from_.order.blocks != 0; }

  // Puts unpacked rows from `first` on into their places, whole blocks or matrices of them.
  void put(const at::Tensor& rows, int64_t first) {
    const auto count = rows.size(0);
    if (!matrices())
      return copy_reordered(out_.narrow(0, first, count), rows, count / whole_, from_.order);
    const auto each = rows.unflatten(0, {-1, whole_});
    out_.narrow(0, first / whole_, count / whole_)
        .copy_(from_.turned ? each.transpose(1, 2) : each);
  }

  // The weight's rows of bytes, or its own rows among others'.
  at::Tensor rows_at(const std::byte* stored, int64_t width) const {
    const auto& share = from_.share;
    const auto all = share.all != 0 ? share.all : rows_.count;
    auto bytes = borrowed(stored, {all, width}, at::kByte, how_.device);
    if (share.all == 0) return bytes;
    return bytes.slice(0, share.first, share.first + rows_.count * share.step, share.step);
  }

  static at::Tensor some(const at::Tensor& rows, int64_t first, int64_t n) {
    return rows.defined() ? rows.narrow(0, first, n).contiguous() : rows;
  }

  // Sets the number of lanes, each of which may hold one step between the two forms, and the step.
  void divide() {
    const bool on_cpu = how_.device.is_cpu();
    const auto some = static_cast<int64_t>(on_cpu ? run::between_on_cpu : run::between_on_gpu);
    const auto least = rows_.elements * whole_;
    lanes_ = on_cpu ? std::clamp<int64_t>(some / least, 1, at::get_num_threads()) : 1;
    const auto step = on_cpu ? std::min(some / lanes_, in_cache) : some;
    const bool at_once = !on_cpu && !between() && from_.share.all == 0;
    step_ = at_once ? rows_.count : std::max<int64_t>(1, step / least) * whole_;
    if (between())
      between_ = at::empty({std::min(lanes_ * step_, rows_.count), rows_.elements}, out_.options());
  }

  void take_turn(int64_t lane) {
    for (auto first = lane * step_; first < rows_.count; first += lanes_ * step_) {
      const auto n = std::min(step_, rows_.count - first);
      const auto rows = between() ? between_.narrow(0, lane * step_, n) : out_.narrow(0, first, n);
      unpack(codec_, from_, some(blocks_, first, n), some(scales_, first, n), rows, how_);
      if (between()) put(rows, first);
    }
  }

  const source::Tensor& from_;
  const Expansion& how_;
  at::Tensor out_, blocks_, scales_, between_;
  run::Codec codec_;
  Rows rows_{};
  int64_t whole_ = 1;  // rows that move to their places together
  int64_t lanes_ = 1, step_ = 1;
};

// Expands one form. `run` is a vector, a matrix [rows,columns], or several matrices
// [matrices,rows,columns], each of which the file has transposed or separate.
void expand_form(const source::Tensor& from, at::Tensor run, const std::byte* stored,
                 const Expansion& how) {
  if (from.stored.scheme.empty())
    expand_dense(from, std::move(run), stored, how);
  else
    Unpacking(from, std::move(run), stored, how).run();
}

// Expands a tensor of parts: each block of its rows has rows of every part.
void expand_parts(const source::Tensor& whole, const at::Tensor& run, const std::byte* stored,
                  const Expansion& how) {
  const auto blocks = run.unflatten(0, {int64_t{whole.order.blocks}, -1});
  const auto places = source::places(whole);
  int64_t first = 0;
  for (std::size_t p = 0; p < whole.parts.size(); ++p) {
    const auto& part = whole.parts[p];
    const auto rows = part.shape[0] / whole.order.blocks;
    expand_form(part, blocks.narrow(1, first, rows), stored + places[p], how);
    first += rows;
  }
}

}  // namespace

void expand(const zero::Weight& weight, at::IntArrayRef shape, const std::byte* stored,
            std::byte* run, const Expansion& of_unit) {
  auto how = of_unit;
  if (weight.float32) how.dtype = at::kFloat;
  const auto& from = weight.source;
  auto to = borrowed(run, shape, how.dtype, how.device);
  if (to.dim() > 2) to = to.flatten(1);
  if (!from.parts.empty()) return expand_parts(from, to, stored, how);
  if (from.turned && (from.by_columns > 1 || !from.stored.scheme.empty()))
    to = to.unflatten(0, {std::max<int64_t>(from.by_columns, 1), -1});
  expand_form(from, to, stored, how);
}

}  // namespace strata::torch
