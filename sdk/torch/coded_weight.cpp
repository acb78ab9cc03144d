#include "torch/coded_weight.hpp"

#include <algorithm>

#include "torch/form.hpp"
#include "torch/mode.hpp"
#include "torch/pch.hpp"
#include "torch/run_parts.hpp"
#include "torch/unpack.hpp"

namespace strata::torch {
namespace {

constexpr int64_t in_cache = 1 << 16;  // elements that a thread unpacks at a time

std::vector<at::Tensor> rows_of(const std::vector<at::Tensor>& parts, int64_t first,
                                int64_t count) {
  std::vector<at::Tensor> out;
  for (const auto& part : parts) out.push_back(part.narrow(0, first, count));
  return out;
}

}  // namespace

CodedWeight CodedWeight::narrow(int64_t first, int64_t count) const {
  return {name, scheme, columns, rows_of(parts, first, count)};
}

CodedWeight CodedWeight::select(const at::Tensor& ids) const {
  CodedWeight out{name, scheme, columns, {}};
  for (const auto& part : parts) out.parts.push_back(part.index_select(0, ids));
  return out;
}

CodedWeight coded_over(const zero::Weight& weight, int64_t rows, TensorOver tensor_over) {
  CodedWeight out{weight.name, weight.run.scheme, weight.shape[1], {}};
  for (const auto& part : weight.run.parts) {
    auto shape = part.shape;
    shape[0] = rows;
    out.parts.push_back(tensor_over(part.at, shape, scalar_type(part.dtype)));
  }
  return out;
}

at::Tensor unpacked(const CodedWeight& weight, at::ScalarType type, const CodecCall& how) {
  const auto& codec = (*how.codec)(weight.scheme);
  const auto rows = weight.rows();
  auto dense = at::empty({rows, weight.columns}, weight.parts.front().options().dtype(type));
  const auto some = [&](int64_t first, int64_t count) {
    unpack_rows(codec, weight.name, rows_of(weight.parts, first, count),
                dense.narrow(0, first, count), how.call);
  };
  if (rows == 0) return dense;
  if (!dense.is_cpu()) {
    some(0, rows);
    return dense;
  }
  const auto step = std::max<int64_t>(1, in_cache / std::max<int64_t>(1, weight.columns));
  const auto steps = (rows + step - 1) / step;
  const auto lanes = std::min<int64_t>(steps, at::get_num_threads());
  const auto take_turn = [&](int64_t lane) {
    for (auto i = lane; i < steps; i += lanes) some(i * step, std::min(step, rows - i * step));
  };
  if (lanes == 1) {
    take_turn(0);
    return dense;
  }
  const bool recorded = !dense.is_inference();
  run_parts(static_cast<int>(lanes), [&](int lane) {
    const Unrecorded mode(recorded);
    take_turn(lane);
  });
  return dense;
}

}  // namespace strata::torch
