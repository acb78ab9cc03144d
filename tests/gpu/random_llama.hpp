// A tiny model of random weights, run with a built family and attention backend, on any devices.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/plugin/config_table.hpp"
#include "core/plugin/family.hpp"
#include "core/run/compute.hpp"
#include "core/source/config.hpp"
#include "tests/gpu/device_memory.hpp"

namespace strata::test {

class RandomLlama {
 public:
  static constexpr int64_t vocabulary = 97;

  // Units run on the devices in turn. The weights are the same for the same dtype.
  RandomLlama(const std::string& attention, strata_dtype dtype, std::vector<strata_device> devices);

  // The logits of every token of the sequences in one pass.
  std::vector<float> pass(const std::vector<std::vector<int32_t>>& tokens,
                          const std::vector<run::Sequence>& sequences);

  run::Compute& compute() { return *compute_; }

 private:
  uint32_t device_of(std::size_t unit) const {
    return static_cast<uint32_t>(unit % devices_.size());
  }
  const std::byte* weights(std::size_t unit) const;

  std::vector<strata_device> devices_;
  strata_config config_handle_{};
  std::unique_ptr<source::Config> config_;
  std::unique_ptr<plugin::Family> family_;
  std::vector<zero::Unit> units_;
  std::vector<std::vector<std::byte>> host_;  // run form of each unit
  std::vector<std::unique_ptr<DeviceMemory>> there_;
  std::unique_ptr<run::Compute> compute_;
};

}  // namespace strata::test
