// Floats of 8 bits: fine-grained FP8 of DeepSeek and Qwen, and weights with one scale a row or one
// in all.
#include "fp8/block_scaled.hpp"
#include "fp8/pack.hpp"

using Fp8 = packed::Codec<fp8::BlockScaled>;

STRATA_QUANT_PLUGIN(Fp8, "fp8", "1.0.0");
