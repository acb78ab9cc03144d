// The settings of quantized weights in a configuration of compressed-tensors, for each of its
// groups.
#pragma once
#include <algorithm>
#include <optional>
#include <strata/plugin.hpp>
#include <vector>

#include "packed/grid.hpp"
#include "packed/tensors.hpp"

namespace compressed_tensors {

struct WeightSettings {
  int64_t bits = 8;
  bool symmetric = true;
  bool ordered = false;                // the columns of a group lie apart; weight_g_idx names it
  std::optional<packed::Block> block;  // of the strategy "block"
  bool mx = false;                     // the format is an MX one, whose scales are powers of 2
};

// Whether there are settings and all of them say so: the targets of a group, which would tell whose
// they are, are not read.
template <class F>
bool all_say(const std::vector<WeightSettings>& settings, F&& so) {
  return !settings.empty() && std::all_of(settings.begin(), settings.end(), so);
}

// The settings of the groups in config_groups, those without weights left out. The tensors of a
// weight say which of them is the weight's, so targets are not read.
std::vector<WeightSettings> weight_settings(const strata::Config* options);

inline bool is_symmetric(const WeightSettings& one) { return one.symmetric; }

// Throws unless bytes may be scales: powers of 2.
void need_mx(const packed::Tensors& tensors, const strata::WeightTensor& scale,
             const strata::Config* options, const std::vector<WeightSettings>& settings);

}  // namespace compressed_tensors
