#include "torch/unit_call.hpp"

#include "torch/form.hpp"

namespace strata::torch {

Shared::Shared(const run::ComputeOptions& options)
    : pass(options.kv), backend(options.attention, options.attention_name, options.host),
      dtype(scalar_type(options.dtype)), codec(options.codec),
      fast_products(options.fast_products) {}

const at::Tensor& UnitCall::weight_or_none(uint32_t index) const {
  static const at::Tensor none;
  return index == STRATA_NONE ? none : weights.at(index);
}

at::Tensor UnitCall::dense(uint32_t index) const {
  const auto* coded = weights.coded(index);
  return coded ? unpacked(*coded, shared.dtype, codec_call()) : weights.at(index);
}

shape::Scope UnitCall::scope() const {
  static const shape::DeclaredUnit none;
  return {declared ? declared : &none, tokens, dtype_of(shared.dtype)};
}

}  // namespace strata::torch
