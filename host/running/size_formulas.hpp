// What benchmarks of offloading print as the sizes of a model: formulas over its shape, in bytes at
// 2 bytes an element. They are those of a decoder with a 4h-wide mlp, biases, tied embeddings and
// as many key heads as heads; for others they are wrong, and the exact sizes stand beside them.
#pragma once
#include <cstdint>

namespace strata::host {

double formula_model_bytes(std::int64_t layers, std::int64_t hidden, std::int64_t vocabulary);
double formula_cache_bytes(std::int64_t batch, std::int64_t tokens, std::int64_t layers,
                           std::int64_t hidden);
double formula_hidden_bytes(std::int64_t batch, std::int64_t tokens, std::int64_t hidden);

}  // namespace strata::host
