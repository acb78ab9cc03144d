// Weights that GPTQ quantized, as AutoGPTQ and GPTQModel write them.
#include "gptq/format.hpp"
#include "transposed/codec.hpp"

STRATA_QUANT_PLUGIN(transposed::Codec<gptq::Format>, "gptq", "1.0.0");
