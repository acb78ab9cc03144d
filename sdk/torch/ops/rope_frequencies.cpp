// The rope scalings. Source: transformers, src/transformers/modeling_rope_utils.py; float32 where
// it has tensors, double where it has numbers, so that rotations at long positions agree.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

#include "core/error.hpp"
#include "torch/ops/rope.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

at::Tensor exponents(int64_t dim) {
  return at::arange(0, dim, 2, at::kLong).to(at::kFloat).div(static_cast<double>(dim));
}

at::Tensor plain(double theta, int64_t dim) {
  return at::reciprocal(at::pow(at::Scalar(theta), exponents(dim)));
}

// The base grows with the length beyond the trained one.
at::Tensor dynamic(const strata_op_rope& op, int64_t dim, int64_t length) {
  const auto trained = static_cast<double>(op.max_positions);
  const auto seen = std::max(static_cast<double>(length), trained);
  const auto size = static_cast<double>(dim);
  const auto grown = at::scalar_tensor(op.factor * seen / trained - (op.factor - 1), at::kFloat);
  const auto base = grown.pow(size / (size - 2)).mul(op.theta);
  return at::reciprocal(at::pow(base, exponents(dim)));
}

// Long wavelengths are stretched, short ones stay, those between are blended.
at::Tensor llama3(const strata_op_rope& op, int64_t dim) {
  const auto trained = static_cast<double>(op.original_positions);
  const auto rate = plain(op.theta, dim);
  const auto wave = at::reciprocal(rate).mul(2 * std::numbers::pi);
  const auto is_long = wave.gt(trained / op.low_freq_factor);
  const auto is_short = wave.lt(trained / op.high_freq_factor);
  const auto scaled = at::where(is_long, rate.div(op.factor), rate);
  const auto share = at::reciprocal(wave)
                         .mul(trained)
                         .sub(op.low_freq_factor)
                         .div(op.high_freq_factor - op.low_freq_factor);
  const auto blended = share.neg().add(1).mul(scaled).div(op.factor).add(share.mul(scaled));
  return at::where(is_long.logical_or(is_short), scaled, blended);
}

// The dimension that makes `rotations` full rotations over the trained positions.
double yarn_dimension(const strata_op_rope& op, double rotations, double dim) {
  return dim * std::log(op.original_positions / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(op.theta));
}

at::Tensor yarn(const strata_op_rope& op, int64_t dim) {
  const auto size = static_cast<double>(dim);
  double low = yarn_dimension(op, op.beta_fast, size);
  double high = yarn_dimension(op, op.beta_slow, size);
  if (op.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, size - 1);
  if (low == high) high += 0.001;  // no division by zero
  const auto ramp = at::arange(dim / 2, at::kFloat).sub(low).div(high - low).clamp(0, 1);
  const auto kept = ramp.neg().add(1);
  const auto base = at::pow(at::Scalar(op.theta), exponents(dim));
  const auto stretched = at::reciprocal(base.mul(op.factor));
  return stretched.mul(kept.neg().add(1)).add(at::reciprocal(base).mul(kept));
}

at::Tensor longrope(const strata_op_rope& op, int64_t dim, int64_t length) {
  const auto* list = length > op.original_positions ? op.long_factors : op.short_factors;
  if (!list || op.factors != dim / 2)
    throw Error("rope",
                "longrope has " + std::to_string(op.factors) + " factors, not one for each of " +
                    std::to_string(dim / 2) + " pairs",
                "correct rope_parameters");
  const auto factors = at::tensor(at::ArrayRef<double>(list, op.factors), at::kFloat);
  return at::reciprocal(factors.mul(at::pow(at::Scalar(op.theta), exponents(dim))));
}

}  // namespace

bool depends_on_length(const strata_op_rope& op) {
  return type_of(op) == "dynamic" || type_of(op) == "longrope";
}

at::Tensor rope_frequencies(const strata_op_rope& op, int64_t dim, int64_t length) {
  const auto type = type_of(op);
  if (type == "default") return plain(op.theta, dim);
  if (type == "linear") return plain(op.theta, dim).div(op.factor);
  if (type == "dynamic") return dynamic(op, dim, length);
  if (type == "llama3") return llama3(op, dim);
  if (type == "yarn") return yarn(op, dim);
  if (type == "longrope") return longrope(op, dim, length);
  throw Error("rope", "there is no scaling '" + printable(type) + "'",
              "use default, linear, dynamic, llama3, yarn or longrope");
}

}  // namespace strata::torch
