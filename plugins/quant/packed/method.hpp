// The method that a checkpoint's configuration names.
#pragma once
#include <strata/plugin.hpp>
#include <string>

namespace packed {

// quant_method of the quantization_config; empty where there is none.
inline std::string method_of(const strata::Config* options) {
  return options ? options->text("quant_method", "") : std::string();
}

}  // namespace packed
