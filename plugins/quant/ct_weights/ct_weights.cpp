// The formats of the package compressed-tensors, which llm-compressor and others write.
#include "ct_weights/float4.hpp"
#include "ct_weights/naive_quantized.hpp"
#include "ct_weights/pack_quantized.hpp"

namespace ct = compressed_tensors;
using CompressedTensors = packed::Codec<ct::PackQuantized, ct::NaiveQuantized, ct::Float4>;

STRATA_QUANT_PLUGIN(CompressedTensors, "ct_weights", "1.0.0");
