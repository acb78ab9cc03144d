#include "torch/adapters.hpp"

#include "torch/pch.hpp"

namespace strata::torch {

namespace {

using Read = void(const adapter::Adapter&, const adapter::LowRank&, std::span<float>);

at::Tensor brought(const adapter::Adapter& adapter, const adapter::LowRank& one, Read* read,
                   at::IntArrayRef shape, const at::Device& device) {
  auto host = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  read(adapter, one, {host.data_ptr<float>(), static_cast<std::size_t>(host.numel())});
  return device.is_cpu() ? host : host.to(device);
}

}  // namespace

Adapters::Adapters(const adapter::Adapter& adapter, const at::Device& device) {
  for (const auto& one : adapter.low_rank) {
    const auto& module = one.module;
    const int64_t experts = module.experts;
    const auto a = brought(adapter, one, adapter::read_a, {experts, one.rank, module.in}, device);
    const auto b = brought(adapter, one, adapter::read_b, {experts, module.out, one.rank}, device);
    add(module, {a, b, one.scale});
  }
}

void Adapters::add(const adapter::Module& module, const LowRank& whole) {
  for (const auto& use : module.uses) {
    const auto rows_of = [&use](const at::Tensor& b) {
      return b[use.expert].slice(0, use.first, use.first + use.count * use.step, use.step);
    };
    auto made = whole;
    made.a = whole.a[use.expert];
    made.b = rows_of(whole.b);
    if (whole.is_trained()) {
      made.a_sum = whole.a_sum[use.expert];
      made.b_sum = rows_of(whole.b_sum);
    }
    if (module.kind == adapter::Kind::table)
      table_ = std::move(made);
    else if (module.kind == adapter::Kind::head)
      head_ = std::move(made);
    else
      products_.emplace(use.weight, std::move(made));
  }
}

const LowRank* Adapters::of(const std::string& weight) const {
  const auto at = products_.find(weight);
  return at == products_.end() ? nullptr : &at->second;
}

}  // namespace strata::torch
