// Options of a quantization that blocks have no use for: they have a length and scales of their
// own.
#pragma once
#include <strata/quant.hpp>
#include <string>

namespace gguf {

// Why the options are refused; empty: they are not.
inline std::string unfit_options(const strata::Config* options) {
  for (const auto* key : {"group_size", "symmetric"})
    if (options && options->has(key))
      return std::string("it takes no ") + key +
             ": its blocks have a length and scales of their own";
  return {};
}

}  // namespace gguf
