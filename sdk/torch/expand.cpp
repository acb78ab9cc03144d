#include "torch/expand.hpp"

#include <algorithm>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/plugin/plain.hpp"
#include "core/run/packed.hpp"
#include "torch/form.hpp"
#include "torch/mode.hpp"
#include "torch/pch.hpp"
#include "torch/put_rows.hpp"
#include "torch/run_parts.hpp"
#include "torch/unpack.hpp"

namespace strata::torch {

namespace {

// Takes the step Multiply, in the dtype of the elements: in a narrow one they are rounded again.
void multiply(const source::Tensor& from, const at::Tensor& elements) {
  if (const auto* step = from.step<source::Multiply>()) elements.mul_(step->factor);
}

void copy_dense(const source::Tensor& from, const at::Tensor& run, const std::byte* stored,
                const Expansion& how) {
  const PutRows to(from, run);
  const auto rows = to.wanted(borrowed(stored, {to.stored_count(), to.stored_length()},
                                       scalar_type(from.stored.dtype()), how.device));
  const auto* add = from.step<source::Add>();
  to.put(add ? rows.add(add->value) : rows, 0);
  multiply(from, run);
}

constexpr int64_t in_cache = 1 << 16;  // elements: a quarter MiB as floats

// Unpacks blocks, which run along the last dimension, a few rows at a time, so that the buffer
// between the two forms stays in a core's cache. The CPU's threads take turns with the steps; a
// GPU's steps are large enough to fill it, and there is only one where no buffer is needed.
class Unpacking {
 public:
  Unpacking(const source::Tensor& from, at::Tensor run, const std::byte* stored,
            const Expansion& how)
      : from_(from), how_(how), options_(run.options()), recorded_(!run.is_inference()),
        to_(from, std::move(run)), codec_((*how.codec)(from.stored.scheme)) {
    if (!to_.whole_rows())
      throw Error(from.name, "its rows are no whole blocks of " + from.stored.scheme,
                  "correct the file");
    for (const auto& part : from.stored.parts) {
      const auto rows = borrowed(stored + part.at, {to_.stored_count(), part.shape.back()},
                                 scalar_type(part.dtype), how.device);
      parts_.push_back(to_.wanted(rows));
    }
    divide();
  }

  void run() {
    if (lanes_ == 1) return take_turn(0);
    run_parts(static_cast<int>(lanes_), [this](int lane) {
      const Unrecorded mode(recorded_);
      take_turn(lane);
    });
  }

 private:
  // Sets the number of lanes, each of which may hold one step between the two forms, and the step.
  void divide() {
    const bool on_cpu = how_.device.is_cpu();
    const auto some = static_cast<int64_t>(on_cpu ? run::between_on_cpu : run::between_on_gpu);
    const auto least = to_.length() * to_.together();
    lanes_ = on_cpu ? std::clamp<int64_t>(some / least, 1, at::get_num_threads()) : 1;
    const auto step = on_cpu ? std::min(some / lanes_, in_cache) : some;
    const bool at_once = !on_cpu && to_.in_place() && !from_.step<source::Slice>();
    step_ = at_once ? to_.count() : std::max<int64_t>(1, step / least) * to_.together();
    if (!to_.in_place())
      between_ = at::empty({std::min(lanes_ * step_, to_.count()), to_.length()}, options_);
  }

  void take_turn(int64_t lane) {
    for (auto first = lane * step_; first < to_.count(); first += lanes_ * step_) {
      const auto n = std::min(step_, to_.count() - first);
      const bool in_place = to_.in_place();
      const auto rows = in_place ? to_.rows(first, n) : between_.narrow(0, lane * step_, n);
      std::vector<at::Tensor> some;
      for (const auto& part : parts_) some.push_back(part.narrow(0, first, n).contiguous());
      unpack_rows(codec_, from_.name, some, rows, how_.call);
      multiply(from_, rows);
      if (!in_place) to_.put(rows, first);
    }
  }

  const source::Tensor& from_;
  const Expansion& how_;
  at::TensorOptions options_;
  bool recorded_;
  PutRows to_;
  const plugin::Codec& codec_;
  std::vector<at::Tensor> parts_;  // the wanted rows of each
  at::Tensor between_;
  int64_t lanes_ = 1, step_ = 1;
};

// The parts of a tensor's stored form, with the shapes that they have there.
std::vector<at::Tensor> parts_of(const source::Form& form, const std::byte* bytes,
                                 const at::Device& device) {
  std::vector<at::Tensor> out;
  for (const auto& part : form.parts)
    out.push_back(borrowed(bytes + part.at, part.shape, scalar_type(part.dtype), device));
  return out;
}

// Unpacks a form of which only its codec knows where the rows lie: all rows at once, and then takes
// the steps.
void unpack_whole(const source::Tensor& from, at::Tensor run, const std::byte* stored,
                  const Expansion& how) {
  const auto& codec = (*how.codec)(from.stored.scheme);
  const auto parts = parts_of(from.stored, stored, how.device);
  if (from.steps.empty() && run.is_contiguous())
    return unpack_rows(codec, from.name, parts, std::move(run), how.call);
  const PutRows to(from, run);
  const auto all = at::empty({to.stored_count(), to.stored_length()}, run.options());
  unpack_rows(codec, from.name, parts, all, how.call);
  multiply(from, all);
  to.put(to.wanted(all), 0);
}

void expand_form(const source::Tensor& from, at::Tensor run, const std::byte* stored,
                 const Expansion& how) {
  if (from.stored.dense())
    copy_dense(from, run, stored, how);
  else if (!from.stored.by_rows)
    unpack_whole(from, std::move(run), stored, how);
  else
    Unpacking(from, std::move(run), stored, how).run();
}

// Expands the pieces of a joined tensor: each block of its rows has rows of every piece.
void expand_pieces(const source::Tensor& whole, uint32_t blocks, const at::Tensor& run,
                   const std::byte* stored, const Expansion& how) {
  const auto rows_of_blocks = run.unflatten(0, {int64_t{blocks}, -1});
  int64_t first = 0;
  for (const auto& piece : whole.pieces) {
    const auto rows = piece.shape[0] / blocks;
    expand_form(piece, rows_of_blocks.narrow(1, first, rows), stored + piece.stored.at, how);
    first += rows;
  }
}

// Brings the parts into the run scheme, and then takes the steps, which move whole rows.
void repack(const source::Tensor& from, const source::Form& run_form, std::byte* run,
            const std::byte* stored, const Expansion& how) {
  const auto& codec = (*how.codec)(from.stored.scheme);
  const auto held = parts_of(from.stored, stored, how.device);
  const auto to = parts_of(run_form, run, how.device);
  const auto columns = from.shape.back();
  if (from.steps.empty())
    return repack_parts(codec, from.name, {from.shape.front(), columns}, held, to, how.call);
  std::vector<at::Tensor> all;
  int64_t rows = 0;
  for (const auto& part : to) {
    const PutRows put(from, part);
    rows = put.stored_count();
    all.push_back(at::empty({rows, put.stored_length()}, part.options()));
  }
  repack_parts(codec, from.name, {rows, columns}, held, all, how.call);
  for (std::size_t i = 0; i < to.size(); ++i) {
    const PutRows put(from, to[i]);
    put.put(put.wanted(all[i]), 0);
  }
}

// Takes the steps in the codec's form: they move whole rows.
void copy_parts(const source::Tensor& from, const source::Form& run_form, std::byte* run,
                const std::byte* stored, const Expansion& how) {
  for (std::size_t i = 0; i < run_form.parts.size(); ++i) {
    const auto& part = run_form.parts[i];
    const auto type = scalar_type(part.dtype);
    const PutRows to(from, borrowed(run + part.at, part.shape, type, how.device));
    to.put(to.wanted(borrowed(stored + from.stored.parts[i].at,
                              {to.stored_count(), to.stored_length()}, type, how.device)),
           0);
  }
}

void expand_here(const zero::Weight& weight, at::IntArrayRef shape, const std::byte* stored,
                 std::byte* run, const Expansion& how) {
  if (weight.repacks()) return repack(weight.source, weight.run, run, stored, how);
  if (!weight.run.dense()) return copy_parts(weight.source, weight.run, run, stored, how);
  auto to = borrowed(run, shape, scalar_type(weight.run.dtype()), how.device);
  if (to.dim() > 2) to = to.flatten(1);
  if (const auto* join = weight.source.step<source::Join>())
    return expand_pieces(weight.source, join->blocks, to, stored, how);
  expand_form(weight.source, to, stored, how);
}

// Whether the weight's plugins take memory of the device.
bool works_there(const zero::Weight& weight, const Expansion& how) {
  if (how.device.is_cpu() || (!weight.run.dense() && !weight.repacks())) return true;
  return run::unpacks_there(weight.source, *how.codec);
}

// The bytes from a weight's stored form on to the end of the last of its pieces.
uint64_t stored_bytes(const source::Tensor& tensor) {
  uint64_t end = tensor.pieces.empty() ? tensor.stored.bytes : 0;
  for (const auto& piece : tensor.pieces) end = std::max(end, piece.stored.at + piece.stored.bytes);
  return end;
}

// Expands the weight in host memory, and copies it to the device: while a model is loaded, since
// weights are held in a form that the device can use.
void expand_on_host(const zero::Weight& weight, at::IntArrayRef shape, const std::byte* stored,
                    std::byte* run, const Expansion& how) {
  const at::Device cpu(at::kCPU);
  const auto bytes = static_cast<int64_t>(stored_bytes(weight.source));
  const auto here = borrowed(stored, {bytes}, at::kByte, how.device).to(cpu);
  int64_t elements = 1;
  for (const auto length : shape) elements *= length;
  const auto wide = weight.run.dense()
                        ? elements * static_cast<int64_t>(element_bytes(weight.run.dtype()))
                        : static_cast<int64_t>(weight.run.bytes);
  const auto made = at::empty({wide}, here.options());
  plugin::PlainOps ops;
  plugin::Call call{{{sizeof(strata_call), 0}, how.call->host, nullptr, {STRATA_CPU, 0}}, &ops};
  expand_here(weight, shape, static_cast<const std::byte*>(here.const_data_ptr()),
              static_cast<std::byte*>(made.mutable_data_ptr()), {how.codec, &call.seen, cpu});
  borrowed(run, {wide}, at::kByte, how.device).copy_(made);
}

}  // namespace

void expand(const zero::Weight& weight, at::IntArrayRef shape, const std::byte* stored,
            std::byte* run, const Expansion& how) {
  if (works_there(weight, how)) return expand_here(weight, shape, stored, run, how);
  expand_on_host(weight, shape, stored, run, how);
}

}  // namespace strata::torch
