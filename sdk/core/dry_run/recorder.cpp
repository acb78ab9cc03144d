#include "core/dry_run/recorder.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.hpp"

namespace strata::dry_run {
namespace {

using namespace shape;

using plugin::Handle;

uint64_t bytes_of(const Value& value) {
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<uint64_t>(value.dims.elements()),
                             uint64_t{value.dtype.bits} * value.dtype.lanes / 8, &bytes))
    throw Error("shape", words(value.dims) + " is larger than any memory", "use fewer tokens");
  return bytes;
}

// Bytes that count as held as long as any of its tensors lives.
class Storage {
 public:
  Storage(std::shared_ptr<Ledger> ledger, uint64_t bytes)
      : ledger_(std::move(ledger)), bytes_(bytes) {
    ledger_->hold(bytes_);
  }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage() { ledger_->drop(bytes_); }

 private:
  std::shared_ptr<Ledger> ledger_;
  uint64_t bytes_;
};

struct Recorded : strata_tensor {
  Recorded(const Value& made, std::shared_ptr<Storage> shared)
      : value(made), storage(std::move(shared)) {
    int64_t stride = 1;
    for (auto i = value.dims.size(); i-- > 0; stride *= value.dims[i]) strides[i] = stride;
  }
  strata_view view() override {
    return {nullptr,
            {STRATA_CPU, 0},
            static_cast<int32_t>(value.dims.size()),
            value.dtype,
            &value.dims[0],
            strides.data(),
            0};
  }
  void drop() noexcept override { storage.reset(); }

  Value value;
  std::array<int64_t, Dims::most> strides{};
  std::shared_ptr<Storage> storage;  // null: a weight, which the caller holds
};

std::shared_ptr<Storage> storage_of(strata_tensor& x) { return static_cast<Recorded&>(x).storage; }

// The most bytes that norm and rope hold besides their result: `x` twice in float32.
uint64_t between(const Value& x) { return static_cast<uint64_t>(x.dims.elements()) * 8; }

}  // namespace

Recorder::Recorder(const shape::DeclaredUnit& unit, int64_t tokens, const Request& request)
    : scope_{&unit, tokens, request.dtype}, request_(request) {}

Handle Recorder::made(const Value& value) {
  return Handle(new Recorded(value, std::make_shared<Storage>(ledger_, bytes_of(value))));
}

void Recorder::inside(uint64_t bytes) {
  ledger_->hold(bytes);
  ledger_->drop(bytes);
}

Handle Recorder::weight(uint32_t index) {
  return Handle(new Recorded(shape::weight(scope_, index), nullptr));
}

Handle Recorder::embedding(uint32_t weight, strata_tensor& ids) {
  return made(shape::embedding(scope_, weight, ids.view()));
}

Handle Recorder::positions(uint32_t weight, int64_t offset) {
  const auto value = shape::positions(scope_, weight, offset);
  positions_ = scope_.unit->weights[weight].shape[0] - offset;
  return made(value);
}

void Recorder::linear(const strata_op_linear& op, strata_tensor& x, std::span<Handle> out) {
  std::array<Value, most_results> values;
  shape::linear(scope_, op, x.view(), std::span(values).first(out.size()));
  uint64_t bytes = 0;
  for (std::size_t i = 0; i < out.size(); ++i) bytes += bytes_of(values[i]);
  const auto shared = std::make_shared<Storage>(ledger_, bytes);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = Handle(new Recorded(values[i], shared));
    flops_ += 2.0 * static_cast<double>(values[i].dims.elements()) *
              static_cast<double>(x.view().shape[1]);
  }
}

Handle Recorder::norm(const strata_op_norm& op, strata_tensor& x) {
  const auto value = shape::norm(scope_, op, x.view());
  auto out = made(value);
  inside(between(value));
  return out;
}

Handle Recorder::rope(const strata_op_rope& op, strata_tensor& x) {
  const auto value = shape::rope(scope_, op, x.view());
  auto out = made(value);
  inside(between(value));
  return out;
}

Handle Recorder::attention(const strata_op_attention& op, strata_tensor& q, strata_tensor& k,
                           strata_tensor& v) {
  const auto value = shape::attention(scope_, op, q.view(), k.view(), v.view());
  const auto heads = q.view().shape[1], dim_qk = q.view().shape[2], dim_v = v.view().shape[2];
  const Value scores{{STRATA_FLOAT, 32, 1}, {heads, scope_.tokens, request_.keys}};
  auto out = made(value);
  if (request_.attention_bytes) inside(attention_bytes(op, q.view(), k.view(), v.view()));
  flops_ += 2.0 * static_cast<double>(scores.dims.elements()) * static_cast<double>(dim_qk + dim_v);
  kv_.push_back({op.layer, heads, k.view().shape[1], dim_qk, dim_v});
  return out;
}

// Asks the backend about the instance that would compute this.
uint64_t Recorder::attention_bytes(const strata_op_attention& op, const strata_view& q,
                                   const strata_view& k, const strata_view& v) const {
  strata_attention_request r{};
  r.hdr.size = sizeof r;
  r.device = request_.device;
  r.dtype = r.kv_dtype = request_.dtype;
  r.heads = static_cast<uint32_t>(q.shape[1]);
  r.kv_heads = static_cast<uint32_t>(k.shape[1]);
  r.dim_qk = static_cast<uint32_t>(q.shape[2]);
  r.dim_v = static_cast<uint32_t>(v.shape[2]);
  r.mask = op.mask;
  r.window = op.window;
  r.sinks = op.sinks != STRATA_NONE;
  r.max_query = static_cast<uint32_t>(scope_.tokens);
  r.q_strides[0] = q.shape[1] * q.shape[2], r.q_strides[1] = q.shape[2];
  r.kv_strides[1] = k.shape[1] * k.shape[2], r.kv_strides[2] = k.shape[2];
  r.scale = op.scale != 0 ? op.scale : 1 / std::sqrt(static_cast<double>(r.dim_qk));
  r.soft_cap = op.soft_cap;
  return request_.attention_bytes(
      r, {static_cast<uint32_t>(scope_.tokens), static_cast<uint32_t>(request_.sequences),
          static_cast<uint32_t>(request_.keys)});
}

Handle Recorder::moe(const strata_op_moe& op, strata_tensor& x) {
  const auto value = shape::moe(scope_, op, x.view());
  const auto hidden = value.dims[1], tokens = value.dims[0];
  const auto ffn = scope_.unit->weights[op.up].shape[0];
  const auto experts = scope_.unit->weights[op.router].shape[0];
  auto out = made(value);
  // In the worst case one expert takes every token. It holds its input, gate and up, and its
  // function; or the function, its output, and the weighted output in float32. The router's scores
  // and the assignment of tokens to experts come on top.
  const auto one = std::max(bytes_of({value.dtype, {tokens, hidden + 3 * ffn}}),
                            bytes_of({value.dtype, {tokens, 2 * hidden + ffn}}) +
                                bytes_of({{STRATA_FLOAT, 32, 1}, {tokens, hidden}}));
  const auto scores = 2 * between({{}, {tokens, experts}}) * (op.choice || op.groups ? 2 : 1);
  const auto wide = scope_.unit->weights[op.router].float32 ? between(value) / 2 : 0;  // of x
  inside(one + wide + scores + 8 * between({{}, {tokens, op.top_k}}));
  top_k_ = op.top_k;
  const double matrices = op.gate == STRATA_NONE ? 2 : 3;
  flops_ += 2.0 * static_cast<double>(tokens) * static_cast<double>(hidden) *
            (static_cast<double>(experts) + matrices * op.top_k * static_cast<double>(ffn));
  return out;
}

Handle Recorder::activation(int32_t f, strata_tensor& x) {
  return made(shape::activation(scope_, f, x.view()));
}

Handle Recorder::gated(int32_t f, strata_tensor& gate, strata_tensor* up) {
  const auto second = up ? up->view() : strata_view{};
  const auto value = shape::gated(scope_, f, gate.view(), up ? &second : nullptr);
  return made(value);  // f(gate) is multiplied in place
}

Handle Recorder::elementwise(int32_t op, strata_tensor& a, strata_tensor* b, double value) {
  const auto second = b ? b->view() : strata_view{};
  return made(shape::elementwise(scope_, op, a.view(), b ? &second : nullptr, value));
}

void Recorder::heads(int32_t layout, uint32_t h, uint32_t k, uint32_t e, strata_tensor& x,
                     std::span<Handle> out) {
  std::array<Value, 3> values;
  const auto results = std::span(values).first(out.size());
  shape::heads(scope_, layout, h, k, e, x.view(), results);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = Handle(new Recorded(values[i], storage_of(x)));
}

Handle Recorder::dropout(double p, strata_tensor& x) {
  return made(shape::dropout(scope_, p, x.view()));
}

void Recorder::call(std::string_view name, std::string_view, std::span<strata_tensor* const>,
                    std::span<Handle>) {
  shape::call(scope_, name);
}

void Recorder::split(std::span<const uint32_t> widths, strata_tensor& x, std::span<Handle> out) {
  std::array<Value, most_results> values;
  const auto results = std::span(values).first(out.size());
  shape::split(scope_, widths, x.view(), results);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = Handle(new Recorded(values[i], storage_of(x)));
}

Handle Recorder::concat(std::span<strata_tensor* const> in) {
  std::array<strata_view, most_results> views{};
  for (std::size_t i = 0; i < in.size(); ++i) views[i] = in[i]->view();
  return made(shape::concat(scope_, std::span(views).first(in.size())));
}

Handle Recorder::empty(strata_dtype dtype, std::span<const int64_t> shape) {
  return made({dtype, Dims(shape)});
}

void* Recorder::workspace(uint64_t bytes) {
  ledger_->hold(bytes);
  return nullptr;
}

}  // namespace strata::dry_run
