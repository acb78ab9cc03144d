#include "tests/sdk/torch/built_llama.hpp"

#include <utility>

#include "tests/sdk/torch/plugins.hpp"
#include "torch/compute/compute.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::test {

namespace {

source::Tensor dense(const plugin::DeclaredWeight& weight, int64_t, int64_t) {
  source::Tensor tensor;
  tensor.name = weight.name;
  tensor.shape = weight.shape;
  tensor.stored = source::dense_form({STRATA_FLOAT, 64, 1}, tensor.shape);
  return tensor;
}

}  // namespace

BuiltLlama::BuiltLlama(const std::string& config, const std::string& attention,
                       const zero::LayoutOptions& form, const Values& values,
                       std::vector<strata_device> devices)
    : devices_(std::move(devices)), config_(config, "llama") {
  family_ = std::make_unique<plugin::Family>(
      plugin_table<strata_model>("strata-model-llama", "strata.model/1"), "llama", host(),
      &config_handle_);
  units_ = zero::lay_out(family_->units(), dense, form);
  const auto type = torch::scalar_type(form.dtype);
  for (const auto& unit : units_) {
    auto& memory = memory_.emplace_back(unit.run_bytes);
    for (const auto& w : unit.weights)
      torch::borrowed(memory.data() + w.run.at, w.shape, type, at::kCPU).copy_(values(unit, w));
  }
  run::ComputeOptions options;
  options.family = family_.get();
  options.host = host();
  options.attention = attention_table(attention);
  options.attention_name = attention;
  options.dtype = form.dtype;
  options.devices = devices_;
  options.kv = {.sequences = 4, .tokens = 32, .block = 8};
  compute_ = std::make_unique<torch::TorchCompute>(options);
}

const strata_host* BuiltLlama::host() const { return the_host().table(); }

std::vector<float> BuiltLlama::pass(const std::vector<std::vector<int32_t>>& tokens,
                                    const std::vector<run::Sequence>& sequences) {
  std::vector<int32_t> ids;
  std::vector<uint32_t> wanted;
  for (const auto& some : tokens) ids.insert(ids.end(), some.begin(), some.end());
  for (uint32_t i = 0; i < ids.size(); ++i) wanted.push_back(i);
  compute_->begin({ids, sequences, wanted});
  for (std::size_t u = 0; u < units_.size(); ++u)
    compute_->run(units_[u], weights(u), static_cast<uint32_t>(u % devices_.size()));
  const auto logits = compute_->logits();
  return {logits.begin(), logits.end()};
}

}  // namespace strata::test
