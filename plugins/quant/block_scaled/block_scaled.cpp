// Floats of 8 bits: fine-grained FP8 of DeepSeek and Qwen, and weights with one scale a row or one
// in all.
#include "block_scaled/block_scaled.hpp"

#include "block_scaled/pack.hpp"

using Fp8 = packed::Codec<fp8::BlockScaled>;

STRATA_QUANT_PLUGIN(Fp8, "block_scaled", "1.0.0");
