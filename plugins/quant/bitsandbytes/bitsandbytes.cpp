// The formats of the package bitsandbytes: NF4 and FP4, and LLM.int8().
#include "bitsandbytes/four_bit.hpp"
#include "bitsandbytes/int8.hpp"

using BitsAndBytes = packed::Codec<bitsandbytes::FourBit, bitsandbytes::Int8>;

STRATA_QUANT_PLUGIN(BitsAndBytes, "bitsandbytes", "1.0.0");
