// The settings of quantized weights in a configuration of compressed-tensors, for each of its
// groups.
#pragma once
#include <optional>
#include <strata/plugin.hpp>
#include <vector>

#include "packed/grid.hpp"

namespace compressed_tensors {

struct WeightSettings {
  int64_t bits = 8;
  bool symmetric = true;
  std::optional<packed::Block> block;  // of the strategy "block"
};

// The settings of the groups in config_groups, those without weights left out. The tensors of a
// weight say which of them is the weight's, so targets are not read.
std::vector<WeightSettings> weight_settings(const strata::Config* options);

}  // namespace compressed_tensors
