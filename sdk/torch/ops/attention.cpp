#include "torch/ops/attention.hpp"

#include <bit>
#include <cmath>

#include "core/error.hpp"
#include "core/plugin/words.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"

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
  for (const auto& one : instances_) table_->destroy(one.self);
}

strata_self* AttentionBackend::instance(const strata_attention_request& request) {
  for (const auto& one : instances_)
    if (same(one.request, request)) return one.self;
  if (!table_) throw Error("attention", "no backend was chosen", "name one with --attention");
  if (table_->score(&request) <= 0)
    throw Error(name_,
                "it does not serve " + std::to_string(request.heads) + " heads of " +
                    std::to_string(request.dim_qk) + " with this mask, dtype or need",
                "choose another attention backend");
  strata_self* made = nullptr;
  if (table_->create(host_, &request, &made) != STRATA_OK)
    throw Error(name_, plugin::take_words(), "choose another attention backend");
  instances_.push_back({request, made});
  return made;
}

plugin::Handle AttentionBackend::run(const strata_attention_request& request, strata_call& call,
                                     const strata_attention_args& args) {
  auto* self = instance(request);
  strata_tensor *out = nullptr, *saved = nullptr;
  const auto status = table_->run(self, &call, &args, &out, &saved);
  const plugin::Handle unused(saved);
  if (status != STRATA_OK || !out)
    throw Error(name_, status == STRATA_OK ? "it returned no tensor" : plugin::take_words(), "");
  return plugin::Handle(out);
}

at::Tensor alibi_slopes(uint32_t h, const at::Device& device) {
  // A geometric row for the power of two below h, then every second of the next finer row.
  const auto power = std::bit_floor(h);
  const auto row = [](uint32_t n, uint32_t i) { return std::exp2(-8.0 * (i + 1) / n); };
  std::vector<double> slopes;
  for (uint32_t i = 0; i < power; ++i) slopes.push_back(row(power, i));
  for (uint32_t i = 0; power + i < h; ++i) slopes.push_back(row(2 * power, 2 * i));
  return uploaded(at::tensor(slopes, at::kFloat), device);
}

}  // namespace strata::torch
