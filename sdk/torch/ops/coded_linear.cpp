#include "torch/ops/coded_linear.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <exception>

#include "core/plugin/calling.hpp"
#include "core/plugin/codec_product.hpp"
#include "core/plugin/lent.hpp"
#include "core/run/packed.hpp"
#include "torch/form.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"
#include "torch/run_parts.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

// LibTorch's threads, lent to a plugin for one product.
struct LentThreads final : strata_threads {
  explicit LentThreads(const std::string& plugin)
      : strata_threads{{sizeof(strata_threads), 0}, run_items}, who(plugin) {}

  static void run_items(const strata_threads* self, int64_t count, void (*item)(void*, int64_t),
                        void* user) noexcept {
    const auto& here = *static_cast<const LentThreads*>(self);
    std::atomic<int64_t> next{0};
    const auto take_items = [&](int) {
      plugin::called(
          here.who, "linear",
          [&] {
            for (auto i = next++; i < count; i = next++) item(user, i);
          },
          plugin::Pace::slow);
    };
    try {
      const auto lanes = std::min<int64_t>(count, at::get_num_threads());
      if (lanes > 1)
        run_parts(static_cast<int>(lanes), take_items);
      else
        take_items(0);
    } catch (...) {
      here.failure = std::current_exception();
    }
  }

  const std::string& who;
  mutable std::exception_ptr failure;  // no exception crosses the ABI
};

at::Tensor as_it_lies(const plugin::Codec& codec, const plugin::ProductKind& kind,
                      const at::Tensor& x, const CodedWeight& weight, strata_call* call) {
  auto y = at::empty({x.size(0), weight.rows()}, x.options());
  std::deque<plugin::Lent> lent;
  std::vector<strata_tensor*> pointers;
  for (const auto& one : weight.parts) pointers.push_back(lent.emplace_back(handle(one)).get());
  const strata_parts all{pointers.data(), pointers.size()};
  at::Tensor workspace;
  if (const auto bytes = plugin::workspace_of(codec, kind); bytes > 0)
    workspace = at::empty({static_cast<int64_t>(bytes)}, x.options().dtype(at::kByte));
  const LentThreads threads(codec.who());
  auto* const from = lent.emplace_back(handle(x)).get();
  auto* const to = lent.emplace_back(handle(y)).get();
  plugin::multiply(codec, {.call = call,
                           .parts = &all,
                           .x = from,
                           .y = to,
                           .workspace = workspace.defined() ? workspace.data_ptr() : nullptr,
                           .threads = x.is_cpu() ? &threads : nullptr,
                           .fast = kind.fast});
  if (threads.failure) std::rethrow_exception(threads.failure);
  for (const auto& one : lent) one.check(codec.who(), "linear");
  return y;
}

at::Tensor by_tiles(const at::Tensor& x, const CodedWeight& weight, const at::Tensor& bias,
                    const CodecCall& how) {
  const auto rows = weight.rows(), columns = std::max<int64_t>(weight.columns, 1);
  const auto most = std::max<int64_t>(1, static_cast<int64_t>(run::coded_tile) / columns);
  if (rows <= most) return linear(x, unpacked(weight, x.scalar_type(), how), bias);
  auto y = at::empty({x.size(0), rows}, x.options());
  for (int64_t first = 0; first < rows; first += most) {
    const auto count = std::min(most, rows - first);
    y.narrow(1, first, count)
        .copy_(linear(x, unpacked(weight.narrow(first, count), x.scalar_type(), how),
                      bias.defined() ? bias.narrow(0, first, count) : bias));
  }
  return y;
}

}  // namespace

at::Tensor coded_linear(const at::Tensor& x, const CodedWeight& weight, const at::Tensor& bias,
                        const CodecCall& how) {
  const auto& codec = (*how.codec)(weight.scheme);
  const std::array<int64_t, 2> shape{weight.rows(), weight.columns};
  const plugin::ProductKind kind{.weight = shape,
                                 .dtype = dtype_of(x.scalar_type()),
                                 .device = device_of(x.device()),
                                 .tokens = x.size(0),
                                 .fast = how.fast};
  if (x.size(0) == 0 || !plugin::can_multiply(codec, kind)) return by_tiles(x, weight, bias, how);
  auto y = as_it_lies(codec, kind, x.contiguous(), weight, how.call);
  return bias.defined() ? y.add_(bias) : y;
}

}  // namespace strata::torch
