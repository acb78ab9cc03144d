// Weights that AWQ quantized, as AutoAWQ writes them for its gemm kernel.
#include "awq/format.hpp"
#include "transposed/codec.hpp"

STRATA_QUANT_PLUGIN(transposed::Codec<awq::Format>, "awq", "1.0.0");
