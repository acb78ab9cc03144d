// A tiny model of random weights on any devices.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tests/gpu/device_memory.hpp"
#include "tests/sdk/torch/built_llama.hpp"

namespace strata::test {

class RandomLlama : public BuiltLlama {
 public:
  static constexpr int64_t vocabulary = 97;

  // Units run on the devices in turn. The weights are the same for the same dtype.
  RandomLlama(const std::string& attention, strata_dtype dtype, std::vector<strata_device> devices);

 private:
  const std::byte* weights(std::size_t unit) const override;

  std::vector<std::unique_ptr<DeviceMemory>> there_;  // by unit; null for one on the host
};

}  // namespace strata::test
