#include "core/plugin/op_table.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "core/error.hpp"
#include "core/plugin/ops.hpp"
#include "core/plugin/words.hpp"
#include "core/shape/ops.hpp"

namespace strata::plugin {
namespace {

[[noreturn]] void refuse(std::string_view op, const std::string& fact) {
  throw Error(op, fact, "correct the plugin that calls it");
}

template <class F>
strata_status guarded(F&& f) noexcept {
  try {
    f();
    return STRATA_OK;
  } catch (...) {
    return report_exception();
  }
}

Ops& ops_of(std::string_view op, strata_call* call) {
  if (!call) refuse(op, "the call is null");
  return *reinterpret_cast<Call*>(call)->ops;
}

// A tensor that may be missing.
strata_tensor* alive(std::string_view op, std::string_view what, strata_tensor* tensor) {
  if (tensor && tensor->owners <= 0) refuse(op, std::string(what) + " was released before");
  return tensor;
}

strata_tensor& at(std::string_view op, std::string_view what, strata_tensor* tensor) {
  if (!tensor) refuse(op, std::string(what) + " is null");
  return *alive(op, what, tensor);
}

// Runs an op with one result, which it writes only where the op succeeds.
template <class F>
strata_status one(std::string_view op, strata_call* call, strata_tensor** out, F&& f) noexcept {
  return guarded([&] {
    if (!out) refuse(op, "out is null");
    Handle made = f(ops_of(op, call));
    *out = made.give();
  });
}

using Results = std::array<Handle, shape::most_results>;

// `made` cut to the results that a plugin wants.
std::span<Handle> first(std::string_view op, Results& made, uint32_t count) {
  if (count > made.size())
    refuse(op, std::to_string(count) + " results, more than " + std::to_string(made.size()));
  return std::span(made).first(count);
}

// Runs an op with several results: f fills them and returns their number.
template <class F>
strata_status several(std::string_view op, strata_call* call, strata_tensor** out, F&& f) noexcept {
  return guarded([&] {
    if (!out) refuse(op, "out is null");
    Results made;
    const uint32_t count = f(ops_of(op, call), made);
    for (uint32_t i = 0; i < count; ++i) out[i] = made[i].give();
  });
}

// The struct as this host knows it. A shorter one, from an older plugin, is filled up with zeros; a
// longer one, from a newer plugin, is refused where it uses the fields beyond.
template <class T>
T known(std::string_view op, const T* given) {
  if (!given || given->hdr.size < sizeof(strata_hdr)) refuse(op, "its arguments are missing");
  T copy{};
  std::memcpy(&copy, given, std::min<std::size_t>(given->hdr.size, sizeof(T)));
  const auto* bytes = reinterpret_cast<const char*>(given);
  for (std::size_t i = sizeof(T); i < given->hdr.size; ++i)
    if (bytes[i] != 0) refuse(op, "asks for something newer than this Strata");
  if (given->hdr.flags != 0) refuse(op, "sets a flag that this Strata does not know");
  copy.hdr = {sizeof(T), 0};
  return copy;
}

std::string_view text_of(strata_str s) { return {s.p ? s.p : "", s.p ? s.n : 0}; }

strata_status weight(strata_call* call, uint32_t weight, strata_tensor** out) noexcept {
  return one("weight", call, out, [&](Ops& ops) { return ops.weight(weight); });
}

strata_status embedding(strata_call* call, uint32_t weight, strata_tensor* x,
                        strata_tensor** out) noexcept {
  return one("embedding", call, out,
             [&](Ops& ops) { return ops.embedding(weight, at("embedding", "x", x)); });
}

strata_status positions(strata_call* call, uint32_t weight, int64_t offset,
                        strata_tensor** out) noexcept {
  return one("positions", call, out, [&](Ops& ops) { return ops.positions(weight, offset); });
}

strata_status linear(strata_call* call, const strata_op_linear* op, strata_tensor* x,
                     strata_tensor** out) noexcept {
  return several("linear", call, out, [&](Ops& ops, Results& made) {
    const auto args = known("linear", op);
    ops.linear(args, at("linear", "x", x), first("linear", made, args.members));
    return args.members;
  });
}

strata_status norm(strata_call* call, const strata_op_norm* op, strata_tensor* x,
                   strata_tensor** out) noexcept {
  return one("norm", call, out,
             [&](Ops& ops) { return ops.norm(known("norm", op), at("norm", "x", x)); });
}

strata_status rope(strata_call* call, const strata_op_rope* op, strata_tensor* x,
                   strata_tensor** out) noexcept {
  return one("rope", call, out,
             [&](Ops& ops) { return ops.rope(known("rope", op), at("rope", "x", x)); });
}

strata_status attention(strata_call* call, const strata_op_attention* op, strata_tensor* q,
                        strata_tensor* k, strata_tensor* v, strata_tensor** out) noexcept {
  return one("attention", call, out, [&](Ops& ops) {
    return ops.attention(known("attention", op), at("attention", "q", q), at("attention", "k", k),
                         at("attention", "v", v));
  });
}

strata_status moe(strata_call* call, const strata_op_moe* op, strata_tensor* x,
                  strata_tensor** out) noexcept {
  return one("moe", call, out,
             [&](Ops& ops) { return ops.moe(known("moe", op), at("moe", "x", x)); });
}

strata_status activation(strata_call* call, int32_t f, strata_tensor* x,
                         strata_tensor** out) noexcept {
  return one("activation", call, out,
             [&](Ops& ops) { return ops.activation(f, at("activation", "x", x)); });
}

strata_status gated(strata_call* call, int32_t f, strata_tensor* gate, strata_tensor* up,
                    strata_tensor** out) noexcept {
  return one("gated", call, out, [&](Ops& ops) {
    return ops.gated(f, at("gated", "gate", gate), alive("gated", "up", up));
  });
}

strata_status elementwise(strata_call* call, int32_t op, strata_tensor* a, strata_tensor* b,
                          double value, strata_tensor** out) noexcept {
  return one("elementwise", call, out, [&](Ops& ops) {
    return ops.elementwise(op, at("elementwise", "a", a), alive("elementwise", "b", b), value);
  });
}

strata_status heads(strata_call* call, int32_t layout, uint32_t h, uint32_t k, uint32_t e,
                    strata_tensor* x, strata_tensor** out) noexcept {
  return several("heads", call, out, [&](Ops& ops, Results& made) {
    const auto count = shape::heads_results(layout);
    ops.heads(layout, h, k, e, at("heads", "x", x), first("heads", made, count));
    return count;
  });
}

strata_status dropout(strata_call* call, double p, strata_tensor* x, strata_tensor** out) noexcept {
  return one("dropout", call, out, [&](Ops& ops) { return ops.dropout(p, at("dropout", "x", x)); });
}

strata_status call_by_name(strata_call* call, strata_str name, strata_str json,
                           strata_tensor* const* in, uint32_t n_in, strata_tensor** out,
                           uint32_t n_out) noexcept {
  return several("call", call, out, [&](Ops& ops, Results& made) {
    if (!in && n_in != 0) refuse("call", "in is null");
    // An input may be null where it is optional for the op.
    for (uint32_t i = 0; i < n_in; ++i) alive("call", "in[" + std::to_string(i) + "]", in[i]);
    ops.call(text_of(name), text_of(json), std::span(in, n_in), first("call", made, n_out));
    return n_out;
  });
}

strata_status split(strata_call* call, const uint32_t* widths, uint32_t count, strata_tensor* x,
                    strata_tensor** out) noexcept {
  return several("split", call, out, [&](Ops& ops, Results& made) {
    if (!widths) refuse("split", "widths is null");
    ops.split({widths, count}, at("split", "x", x), first("split", made, count));
    return count;
  });
}

strata_status concat(strata_call* call, strata_tensor* const* in, uint32_t count,
                     strata_tensor** out) noexcept {
  return one("concat", call, out, [&](Ops& ops) {
    if (!in) refuse("concat", "in is null");
    if (count > shape::most_results)
      refuse("concat",
             std::to_string(count) + " tensors, more than " + std::to_string(shape::most_results));
    for (uint32_t i = 0; i < count; ++i) at("concat", "in[" + std::to_string(i) + "]", in[i]);
    return ops.concat({in, count});
  });
}

strata_status view(strata_call*, strata_tensor* tensor, strata_view* out) noexcept {
  return guarded([&] {
    if (!out) refuse("view", "out is null");
    *out = at("view", "the tensor", tensor).view();
  });
}

strata_status empty(strata_call* call, strata_dtype dtype, int32_t ndim, const int64_t* shape,
                    strata_tensor** out) noexcept {
  return one("empty", call, out, [&](Ops& ops) {
    if (ndim < 0 || (!shape && ndim != 0)) refuse("empty", "its shape is missing");
    const shape::Dims dims(std::span(shape, static_cast<std::size_t>(ndim)));
    dims.elements();
    return ops.empty(dtype, {dims.begin(), dims.end()});
  });
}

strata_status workspace(strata_call* call, uint64_t bytes, void** out) noexcept {
  return guarded([&] {
    if (!out) refuse("workspace", "out is null");
    *out = ops_of("workspace", call).workspace(bytes);
  });
}

void retain(strata_tensor* tensor) noexcept {
  if (tensor) ++tensor->owners;
}

void release(strata_tensor* tensor) noexcept { const Handle last(tensor); }

}  // namespace

const strata_ops* op_table() {
  static constexpr strata_ops table{{sizeof(strata_ops), 0},
                                    weight,
                                    embedding,
                                    positions,
                                    linear,
                                    norm,
                                    rope,
                                    attention,
                                    moe,
                                    activation,
                                    gated,
                                    elementwise,
                                    heads,
                                    dropout,
                                    call_by_name,
                                    split,
                                    concat};
  return &table;
}

const strata_host_tensor* tensor_table() {
  static constexpr strata_host_tensor table{
      {sizeof(strata_host_tensor), 0}, view, empty, workspace, retain, release};
  return &table;
}

}  // namespace strata::plugin
