// A llama of a test's own weights, run with a built family and a built attention backend.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/plugin/config_table.hpp"
#include "core/plugin/family.hpp"
#include "core/run/compute.hpp"
#include "core/source/config.hpp"
#include "core/zero/layout.hpp"

namespace strata::test {

class BuiltLlama {
 public:
  virtual ~BuiltLlama() = default;
  BuiltLlama(const BuiltLlama&) = delete;
  BuiltLlama& operator=(const BuiltLlama&) = delete;

  // The logits of every token of the sequences in one pass.
  std::vector<float> pass(const std::vector<std::vector<int32_t>>& tokens,
                          const std::vector<run::Sequence>& sequences);

  run::Compute& compute() { return *compute_; }
  const plugin::Family& family() const { return *family_; }
  const strata_host* host() const;

 protected:
  // A weight's values in any dtype, as the run form holds them.
  using Values = std::function<at::Tensor(const zero::Unit& unit, const zero::Weight& weight)>;

  // `config` is a config.json; units run on the devices in turn.
  BuiltLlama(const std::string& config, const std::string& attention,
             const zero::LayoutOptions& form, const Values& values,
             std::vector<strata_device> devices = {{STRATA_CPU, 0}});

  // The run form of each unit, in host memory.
  const std::vector<std::vector<std::byte>>& memory() const { return memory_; }
  strata_device device_of(std::size_t unit) const { return devices_[unit % devices_.size()]; }
  // The unit's weights where its device reads them.
  virtual const std::byte* weights(std::size_t unit) const { return memory_[unit].data(); }

 private:
  std::vector<strata_device> devices_;
  source::Config config_;
  strata_config config_handle_{&config_};
  std::unique_ptr<plugin::Family> family_;
  std::vector<zero::Unit> units_;
  std::vector<std::vector<std::byte>> memory_;
  std::unique_ptr<run::Compute> compute_;
};

}  // namespace strata::test
