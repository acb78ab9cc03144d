#include "tests/sdk/torch/tiny_model.hpp"

#include "tests/sdk/torch/reference.hpp"
#include "torch/pch.hpp"

namespace strata::torch::test {

namespace {

// Rows [first_row, ...) of the reference's weight.
at::Tensor reference_weight(const zero::Unit& unit, const zero::Weight& weight) {
  const auto& data = reference().at("llama").at("weights").at(weight.name);
  const auto shape = data.at("shape").get<std::vector<int64_t>>();
  auto whole = at::tensor(data.at("data").get<std::vector<double>>(), at::kDouble).view(shape);
  return weight.role == STRATA_HEAD ? whole.narrow(0, unit.first_row, weight.shape[0]) : whole;
}

}  // namespace

TinyModel::TinyModel(const std::string& attention, strata_dtype dtype, uint64_t tile)
    : BuiltLlama(reference().at("llama").at("config").dump(), attention,
                 {.dtype = dtype, .rows = false, .tile = tile}, reference_weight) {}

}  // namespace strata::torch::test
