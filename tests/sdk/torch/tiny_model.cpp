#include "tests/sdk/torch/tiny_model.hpp"

#include <dlfcn.h>

#include <stdexcept>

#include "core/ops/op_table.hpp"
#include "core/zero/layout.hpp"
#include "tests/sdk/torch/reference.hpp"
#include "torch/compute/compute.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::torch::test {

namespace {

// Plugins, and the host that they were opened with, live as long as the program.
const plugin::Host& the_host() {
  static const plugin::Host host(plugin::config_table(), ops::op_table());
  return host;
}

template <class Table>
const Table* plugin_table(const std::string& file, std::string_view id) {
  const auto path = std::string(STRATA_TEST_PLUGINS) + "/" + file + ".so";
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) throw std::runtime_error(::dlerror());
  const auto* entry = static_cast<const strata_plugin*>(::dlsym(library, "strata_plugin_v1"));
  if (entry->open(the_host().table()) != STRATA_OK)
    throw std::runtime_error(file + " did not open");
  return static_cast<const Table*>(entry->query({id.data(), id.size()}));
}

source::Tensor dense(const plugin::DeclaredWeight& weight, int64_t, int64_t) {
  source::Tensor tensor;
  tensor.name = weight.name;
  tensor.shape = weight.shape;
  tensor.stored = source::dense_form({STRATA_FLOAT, 64, 1}, tensor.shape);
  return tensor;
}

// Rows [first_row, ...) of the reference's weight as the run form holds them.
at::Tensor reference_weight(const zero::Unit& unit, const zero::Weight& weight) {
  const auto& data = reference().at("llama").at("weights").at(weight.name);
  const auto shape = data.at("shape").get<std::vector<int64_t>>();
  auto whole = at::tensor(data.at("data").get<std::vector<double>>(), at::kDouble).view(shape);
  return weight.role == STRATA_HEAD ? whole.narrow(0, unit.first_row, weight.shape[0]) : whole;
}

}  // namespace

const strata_attention* attention_table(const std::string& name) {
  return plugin_table<strata_attention>("strata-attention-" + name, "strata.attention/1");
}

const strata_host* TinyModel::host() const { return the_host().table(); }

TinyModel::TinyModel(const std::string& attention, strata_dtype dtype, uint64_t tile) {
  config_ = std::make_unique<source::Config>(reference().at("llama").at("config").dump(), "tiny");
  config_handle_.values = config_.get();
  family_ = std::make_unique<plugin::Family>(
      plugin_table<strata_model>("strata-model-llama", "strata.model/1"), "llama",
      the_host().table(), &config_handle_);
  units_ = zero::lay_out(family_->units(), dense, {.dtype = dtype, .rows = false, .tile = tile});
  const auto type = scalar_type(dtype);
  for (const auto& unit : units_) {
    auto& memory = memory_.emplace_back(unit.run_bytes);
    for (const auto& w : unit.weights)
      borrowed(memory.data() + w.run.at, w.shape, type, at::kCPU).copy_(reference_weight(unit, w));
  }
  run::ComputeOptions options;
  options.family = family_.get();
  options.host = the_host().table();
  options.attention = attention_table(attention);
  options.attention_name = attention;
  options.dtype = dtype;
  options.kv = {.sequences = 4, .tokens = 32, .block = 8};
  compute_ = std::make_unique<TorchCompute>(options);
}

std::vector<float> TinyModel::pass(const std::vector<std::vector<int32_t>>& tokens,
                                   const std::vector<run::Sequence>& sequences) {
  std::vector<int32_t> ids;
  std::vector<uint32_t> wanted;
  for (const auto& some : tokens) ids.insert(ids.end(), some.begin(), some.end());
  for (uint32_t i = 0; i < ids.size(); ++i) wanted.push_back(i);
  compute_->begin({ids, sequences, wanted});
  for (std::size_t i = 0; i < units_.size(); ++i) compute_->run(units_[i], memory_[i].data(), 0);
  const auto logits = compute_->logits();
  return {logits.begin(), logits.end()};
}

}  // namespace strata::torch::test
