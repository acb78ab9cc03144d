#include "tests/gpu/random_llama.hpp"

#include <utility>

#include "torch/pch.hpp"

namespace strata::test {

namespace {

constexpr char config[] = R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"],
  "vocab_size": 97, "hidden_size": 128, "intermediate_size": 192, "num_hidden_layers": 3,
  "num_attention_heads": 8, "num_key_value_heads": 2, "max_position_embeddings": 128,
  "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
  "tie_word_embeddings": false})";

// Norms near 1, else small numbers of either sign: the same ones for the same shape.
at::Tensor random_weight(const zero::Unit&, const zero::Weight& w) {
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
    : BuiltLlama(config, attention, {.dtype = dtype, .rows = false, .tile = 0}, random_weight,
                 std::move(devices)) {
  for (std::size_t u = 0; u < memory().size(); ++u) {
    const bool cuda = device_of(u).type == STRATA_CUDA;
    there_.push_back(cuda ? std::make_unique<DeviceMemory>(memory()[u]) : nullptr);
  }
}

const std::byte* RandomLlama::weights(std::size_t unit) const {
  return there_[unit] ? there_[unit]->data() : BuiltLlama::weights(unit);
}

}  // namespace strata::test
