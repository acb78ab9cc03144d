// The formulas by which benchmarks of offloading print a model's sizes: in bytes, over its shape,
// at 2 bytes an element. They hold for a decoder with an MLP of width 4h, biases, tied embeddings
// and as many key heads as heads. For other models they are wrong, so the exact sizes are printed
// beside them.
#pragma once
#include <cstdint>

namespace strata::host {

double formula_model_bytes(std::int64_t layers, std::int64_t hidden, std::int64_t vocabulary);
double formula_cache_bytes(std::int64_t batch, std::int64_t tokens, std::int64_t layers,
                           std::int64_t hidden);
double formula_hidden_bytes(std::int64_t batch, std::int64_t tokens, std::int64_t hidden);

}  // namespace strata::host
