#include "torch/turn.hpp"

#include <algorithm>
#include <tuple>

namespace strata::torch {

namespace {

bool same_list(const std::vector<double>& kept, const double* wanted, uint32_t n) {
  if (!wanted) return kept.empty();
  return kept.size() == n && std::equal(kept.begin(), kept.end(), wanted);
}

}  // namespace

std::string_view type_of(const strata_op_rope& op) {
  return {op.type.p, static_cast<std::size_t>(op.type.n)};
}

bool Turn::serves(const strata_op_rope& wanted, int64_t head_dim, at::ScalarType type_of_x) const {
  const auto numbers = [](const strata_op_rope& o) {
    return std::tie(o.layout, o.dim, o.original_positions, o.max_positions, o.truncate, o.theta,
                    o.factor, o.attention_factor, o.low_freq_factor, o.high_freq_factor,
                    o.beta_fast, o.beta_slow);
  };
  return head == head_dim && dtype == type_of_x && numbers(op) == numbers(wanted) &&
         type == type_of(wanted) &&
         same_list(short_factors, wanted.short_factors, wanted.factors) &&
         same_list(long_factors, wanted.long_factors, wanted.factors);
}

}  // namespace strata::torch
