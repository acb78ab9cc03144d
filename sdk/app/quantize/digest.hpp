// The digest of what a file of quantized weights is made from.
#pragma once
#include <string>

#include "app/plugins.hpp"
#include "app/quantize/rules.hpp"
#include "core/run/model.hpp"

namespace strata::app {

// 64 hex digits over the plugins in use and their versions, the rules, the configuration, and for
// each file of the checkpoint its size, its time of change and its tensors' places. The contents
// count by these alone: to read them would cost as much as to quantize them again.
std::string quant_digest(const run::Model& model, const QuantRules& rules, const Plugins& plugins);

}  // namespace strata::app
