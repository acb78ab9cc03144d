#include "torch/ops/coded_product.hpp"

#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

CodedProduct::CodedProduct(const CodedWeight& weight, const at::Tensor& like, int64_t rows,
                           const CodecCall& how)
    : codec((*how.codec)(weight.scheme)), shape{weight.rows(), weight.columns},
      kind{.weight = shape,
           .dtype = dtype_of(like.scalar_type()),
           .device = device_of(like.device()),
           .tokens = rows,
           .fast = how.fast} {}

CodedArguments::CodedArguments(const CodedProduct& product, const at::Tensor& x, strata_call* call,
                               const char* function)
    : product_(product), function_(function),
      y_(at::empty({x.size(0), product.shape[0]}, x.options())),
      threads_(product.codec.who(), function) {
  if (const auto bytes = plugin::workspace_of(product.codec, product.kind); bytes > 0)
    workspace_ = at::empty({static_cast<int64_t>(bytes)}, x.options().dtype(at::kByte));
  arguments = {.call = call,
               .parts = nullptr,
               .x = lent_.lend(x),
               .y = lent_.lend(y_),
               .workspace = workspace_.defined() ? workspace_.data_ptr() : nullptr,
               .threads = x.is_cpu() ? &threads_ : nullptr,
               .fast = product.kind.fast};
}

strata_parts CodedArguments::parts(const CodedWeight& weight) {
  auto& pointers = pointers_.emplace_back(lent_.lend(weight.parts));
  return {pointers.data(), pointers.size()};
}

at::Tensor CodedArguments::result() {
  threads_.rethrow();
  lent_.check(product_.codec.who(), function_);
  return y_;
}

}  // namespace strata::torch
