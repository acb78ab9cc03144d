#include "tests/gpu/random_llama.hpp"

#include "core/zero/layout.hpp"
#include "tests/gpu/plugins.hpp"
#include "torch/compute/compute.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::test {

namespace {

constexpr char config[] = R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"],
  "vocab_size": 97, "hidden_size": 128, "intermediate_size": 192, "num_hidden_layers": 3,
  "num_attention_heads": 8, "num_key_value_heads": 2, "max_position_embeddings": 128,
  "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
  "tie_word_embeddings": false})";

source::Tensor dense(const plugin::DeclaredWeight& weight, int64_t, int64_t) {
  source::Tensor tensor;
  tensor.name = weight.name;
  tensor.shape = weight.shape;
  tensor.stored = source::dense_form({STRATA_FLOAT, 64, 1}, tensor.shape);
  return tensor;
}

// Norms near 1, else small numbers of either sign: the same ones for the same shape.
at::Tensor random_weight(const zero::Weight& w) {
  int64_t count = 1;
  for (const auto n : w.shape) count *= n;
  std::vector<double> values(static_cast<std::size_t>(count));
  uint64_t state = 88172645463325252u + static_cast<uint64_t>(count);
  for (auto& value : values) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    const double unit = static_cast<double>(state >> 11) / 9007199254740992.0 - 0.5;
    value = w.shape.size() == 1 ? 1 + 0.2 * unit : 0.3 * unit;
  }
  return at::tensor(values, at::kDouble).view(w.shape);
}

}  // namespace

RandomLlama::RandomLlama(const std::string& attention, strata_dtype dtype,
                         std::vector<strata_device> devices)
    : devices_(std::move(devices)) {
  config_ = std::make_unique<source::Config>(config, "random llama");
  config_handle_.values = config_.get();
  family_ = std::make_unique<plugin::Family>(
      plugin_table<strata_model>("strata-model-llama", "strata.model/1"), "llama",
      the_host().table(), &config_handle_);
  units_ = zero::lay_out(family_->units(), dense, {.dtype = dtype, .rows = false, .tile = 0});
  const auto type = torch::scalar_type(dtype);
  for (std::size_t u = 0; u < units_.size(); ++u) {
    auto& memory = host_.emplace_back(units_[u].run_bytes);
    for (const auto& w : units_[u].weights)
      torch::borrowed(memory.data() + w.run.at, w.shape, type, at::kCPU).copy_(random_weight(w));
    const bool cuda = devices_[device_of(u)].type == STRATA_CUDA;
    there_.push_back(cuda ? std::make_unique<DeviceMemory>(memory) : nullptr);
  }
  run::ComputeOptions options;
  options.family = family_.get();
  options.host = the_host().table();
  options.attention =
      plugin_table<strata_attention>("strata-attention-" + attention, "strata.attention/1");
  options.attention_name = attention;
  options.dtype = dtype;
  options.devices = devices_;
  options.kv = {.sequences = 4, .tokens = 32, .block = 8};
  compute_ = std::make_unique<torch::TorchCompute>(options);
}

const std::byte* RandomLlama::weights(std::size_t unit) const {
  return there_[unit] ? there_[unit]->data() : host_[unit].data();
}

std::vector<float> RandomLlama::pass(const std::vector<std::vector<int32_t>>& tokens,
                                     const std::vector<run::Sequence>& sequences) {
  std::vector<int32_t> ids;
  std::vector<uint32_t> wanted;
  for (const auto& some : tokens) ids.insert(ids.end(), some.begin(), some.end());
  for (uint32_t i = 0; i < ids.size(); ++i) wanted.push_back(i);
  compute_->begin({ids, sequences, wanted});
  for (std::size_t u = 0; u < units_.size(); ++u)
    compute_->run(units_[u], weights(u), device_of(u));
  const auto logits = compute_->logits();
  return {logits.begin(), logits.end()};
}

}  // namespace strata::test
