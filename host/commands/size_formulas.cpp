#include "host/commands/size_formulas.hpp"

namespace strata::host {

double formula_model_bytes(std::int64_t layers, std::int64_t hidden, std::int64_t vocabulary) {
  const auto l = static_cast<double>(layers), h = static_cast<double>(hidden),
             v = static_cast<double>(vocabulary);
  const double qkv = h * (3 * h + 1), out = h * (h + 1), up = h * (4 * h + 1),
               down = 4 * h * (h + 1), norms = 4 * h;
  return 2 * (l * (qkv + out + up + down + norms) + v * (h + 1));
}

double formula_cache_bytes(std::int64_t batch, std::int64_t tokens, std::int64_t layers,
                           std::int64_t hidden) {
  return 2 * 2 * static_cast<double>(batch) * static_cast<double>(tokens) *
         static_cast<double>(layers) * static_cast<double>(hidden);
}

double formula_hidden_bytes(std::int64_t batch, std::int64_t tokens, std::int64_t hidden) {
  return 2 * static_cast<double>(batch) * static_cast<double>(tokens) * static_cast<double>(hidden);
}

}  // namespace strata::host
