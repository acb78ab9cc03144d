#include "torch/ops/rope.hpp"

#include <algorithm>
#include <utility>

#include "torch/form.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/parts.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

std::vector<double> list(const double* p, uint32_t n) {
  return p ? std::vector<double>(p, p + n) : std::vector<double>();
}

at::Tensor angles(const strata_op_rope& op, int64_t dim, const at::Tensor& positions,
                  const std::vector<TurnedSequence>& sequences) {
  const auto at_rate = [&](const at::Tensor& rows, int64_t length) {
    return rows.unsqueeze(1).mul(uploaded(rope_frequencies(op, dim, length), rows.device()));
  };
  const auto real = positions.to(at::kFloat);
  if (!depends_on_length(op)) return at_rate(real, 0);
  std::vector<at::Tensor> parts;
  int64_t first = 0;
  for (const auto& s : sequences) {
    parts.push_back(at_rate(real.narrow(0, first, s.count), s.length));
    first += s.count;
  }
  return at::cat(parts);
}

// Does the same in one pass over memory: x [T,H,E], with any strides of heads and tokens.
at::Tensor turned_by_heads(const at::Tensor& x, const Turn& turn) {
  auto y = at::empty(x.sizes(), x.options());
  const auto tokens = x.size(0), heads = x.size(1), width = x.size(2), dim = turn.cos.size(2);
  const auto token_step = x.stride(0), head_step = x.stride(1);
  // A dimension rotates with the one `apart` from it; the first ones of the pairs are `step` apart.
  const bool interleaved = turn.op.layout == STRATA_ROPE_INTERLEAVED;
  const int64_t apart = interleaved ? 1 : dim / 2, step = interleaved ? 2 : 1;
  const auto *from = x.const_data_ptr<float>(), *cosines = turn.cos.const_data_ptr<float>(),
             *sines = turn.sin.const_data_ptr<float>();
  auto* to = y.data_ptr<float>();
  in_parts(tokens, 2 * heads * width, [&](int64_t first, int64_t last) {
    for (auto t = first; t < last; ++t)
      for (int64_t h = 0; h < heads; ++h) {
        const auto *in = from + t * token_step + h * head_step, *c = cosines + t * dim,
                   *s = sines + t * dim;
        auto* out = to + (t * heads + h) * width;
        for (int64_t i = 0, a = 0; i < dim / 2; ++i, a += step) {
          const auto b = a + apart;
          const auto one = in[a], other = in[b];
          out[a] = one * c[a] - other * s[a];
          out[b] = other * c[b] + one * s[b];
        }
        std::copy(in + dim, in + width, out + dim);
      }
  });
  return y;
}

}  // namespace

Turn turn(const strata_op_rope& op, int64_t head, at::ScalarType dtype, const at::Tensor& positions,
          const std::vector<TurnedSequence>& sequences) {
  Turn made;
  made.op = op;
  made.type = type_of(op);
  made.short_factors = list(op.short_factors, op.factors);
  made.long_factors = list(op.long_factors, op.factors);
  made.op.type = {nullptr, 0};
  made.op.short_factors = made.op.long_factors = nullptr;
  made.head = head;
  made.dtype = dtype;

  const int64_t dim = op.dim ? op.dim : head;
  const auto half = angles(op, dim, positions, sequences);
  const auto whole = op.layout == STRATA_ROPE_INTERLEAVED ? at::repeat_interleave(half, 2, 1)
                                                          : at::cat({half, half}, 1);
  const double factor = op.attention_factor == 0 ? 1 : op.attention_factor;
  made.cos = at::cos(whole).mul_(factor).to(dtype).unsqueeze(1);
  made.sin = at::sin(whole).mul_(factor).to(dtype).unsqueeze(1);
  return made;
}

namespace {

// The rotation of x in this pass, made at its first use.
const Turn& turn_for(const strata_op_rope& op, const at::Tensor& x, Pass& pass) {
  auto& on = pass.on(x.device());
  for (const auto& kept : on.turns)
    if (kept.serves(op, x.size(2), x.scalar_type())) return kept;
  std::vector<TurnedSequence> sequences;
  for (const auto& s : pass.sequences()) sequences.push_back({s.count, s.length});
  const c10::NoGradGuard constant;
  on.turns.push_back(turn(op, x.size(2), x.scalar_type(), on.positions, sequences));
  return on.turns.back();
}

}  // namespace

at::Tensor rope(const at::Tensor& x, const Turn& turn) {
  if (inference_loops(x) && x.stride(2) == 1 && turn.cos.is_contiguous() &&
      turn.sin.is_contiguous())
    return turned_by_heads(x, turn);
  const auto dim = turn.cos.size(2);
  const auto part = dim == turn.head ? x : x.narrow(2, 0, dim);
  at::Tensor crossed;
  if (turn.op.layout == STRATA_ROPE_INTERLEAVED) {
    const auto pairs = part.unflatten(2, {dim / 2, 2});
    crossed = at::stack({pairs.select(3, 1).neg(), pairs.select(3, 0)}, 3).flatten(2);
  } else {
    crossed = at::cat({part.narrow(2, dim / 2, dim / 2).neg(), part.narrow(2, 0, dim / 2)}, 2);
  }
  auto turned = at::GradMode::is_enabled() ? part.mul(turn.cos).add(crossed.mul(turn.sin))
                                           : part.mul(turn.cos).add_(crossed.mul_(turn.sin));
  if (dim == turn.head) return turned;
  return at::cat({turned, x.narrow(2, dim, turn.head - dim)}, 2);
}

void arithmetic::rope(UnitCall& on, const Args& args, Results out) {
  const auto& [op, tensor] = args.of<&strata_ops::rope>();
  const auto& x = value_of(*tensor);
  out[0] = handle(torch::rope(x, turn_for(*op, x, on.shared.pass)));
}

}  // namespace strata::torch
