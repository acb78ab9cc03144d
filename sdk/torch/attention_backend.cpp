#include "torch/attention_backend.hpp"

#include <array>
#include <bit>
#include <cmath>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/lent.hpp"
#include "core/shape/value.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

bool same(const strata_attention_request& a, const strata_attention_request& b) {
  const auto plain = [](const strata_attention_request& r) {
    return std::tie(r.device.type, r.device.id, r.dtype.code, r.dtype.bits, r.kv_dtype.code,
                    r.kv_dtype.bits, r.heads, r.kv_heads, r.dim_qk, r.dim_v, r.mask, r.window,
                    r.sinks, r.need, r.block, r.max_query, r.scale, r.soft_cap, r.dropout);
  };
  return plain(a) == plain(b) && std::equal(a.q_strides, a.q_strides + 2, b.q_strides) &&
         std::equal(a.kv_strides, a.kv_strides + 3, b.kv_strides);
}

}  // namespace

AttentionBackend::AttentionBackend(const strata_attention* table, std::string name,
                                   const strata_host* host)
    : table_(table), name_("attention/" + std::move(name)), host_(host) {}

AttentionBackend::~AttentionBackend() {
  for (const auto& one : instances_)
    plugin::freed(name_, "destroy", [&] { table_->destroy(one.self); });
}

strata_self* AttentionBackend::instance(const strata_attention_request& request) {
  for (const auto& one : instances_)
    if (same(one.request, request)) return one.self;
  if (!table_) throw Error("attention", "no backend was chosen", "name one with --attention");
  if (plugin::called(name_, "score", [&] { return table_->score(&request); }) <= 0)
    throw Error(name_,
                "it does not serve " + std::to_string(request.heads) + " heads of " +
                    std::to_string(request.dim_qk) + " with this mask, dtype or need",
                "choose another attention backend");
  strata_self* made = nullptr;
  plugin::succeeds(name_, "create", [&] { return table_->create(host_, &request, &made); });
  if (!made) throw Error(name_, "create gave no instance", "choose another attention backend");
  instances_.push_back({request, made});
  return made;
}

plugin::Handle AttentionBackend::run(const strata_attention_request& request, strata_call& call,
                                     const AttentionInput& input, strata_attention_args args) {
  auto* self = instance(request);
  const auto lend = [](const at::Tensor& x) { return x.defined() ? handle(x) : plugin::Handle(); };
  const plugin::Lent lent[] = {plugin::Lent(lend(input.q)),      plugin::Lent(lend(input.k)),
                               plugin::Lent(lend(input.v)),      plugin::Lent(lend(input.table)),
                               plugin::Lent(lend(input.starts)), plugin::Lent(lend(input.lengths)),
                               plugin::Lent(lend(input.slopes)), plugin::Lent(lend(input.sinks))};
  strata_tensor *key = lent[1].get(), *value = lent[2].get();
  args.q = lent[0].get();
  args.k = {&key, 1}, args.v = {&value, 1};
  args.table = lent[3].get(), args.starts = lent[4].get(), args.lengths = lent[5].get();
  args.slopes = lent[6].get(), args.sinks = lent[7].get();

  const plugin::Calling calling(name_, "run", plugin::Pace::slow);
  strata_tensor *out = nullptr, *saved = nullptr;
  plugin::succeeds(
      name_, "run", [&] { return table_->run(self, &call, &args, &out, &saved); },
      plugin::Pace::slow);
  const auto unused = plugin::taken(saved, name_, "run");
  auto made = plugin::taken(out, name_, "run");
  for (const auto& one : lent) one.check(name_, "run");
  if (!made) throw Error(name_, "it returned no tensor", "choose another attention backend");
  const auto& y = value_of(*made.get());
  const std::array<int64_t, 2> form{input.q.size(0), int64_t{request.heads} * request.dim_v};
  const at::IntArrayRef shape(form);
  if (y.sizes() != shape || y.scalar_type() != input.q.scalar_type() ||
      y.device() != input.q.device())
    throw Error(name_,
                "it returned " + shape::words(made.get()->view()) + " for a result of " +
                    shape::words(shape::Dims(shape)),
                "choose another attention backend");
  return made;
}

at::Tensor alibi_slopes(uint32_t h, const at::Device& device) {
  // A geometric sequence for the power of two below h, then every second one of the next finer
  // sequence.
  const auto power = std::bit_floor(h);
  const auto row = [](uint32_t n, uint32_t i) { return std::exp2(-8.0 * (i + 1) / n); };
  std::vector<double> slopes;
  for (uint32_t i = 0; i < power; ++i) slopes.push_back(row(power, i));
  for (uint32_t i = 0; power + i < h; ++i) slopes.push_back(row(2 * power, 2 * i));
  return uploaded(at::tensor(slopes, at::kFloat), device);
}

}  // namespace strata::torch
