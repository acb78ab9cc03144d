// The formats of the package compressed-tensors, which llm-compressor and others write.
#include "compressed_tensors/float4.hpp"
#include "compressed_tensors/naive_quantized.hpp"
#include "compressed_tensors/pack_quantized.hpp"

namespace ct = compressed_tensors;
using CompressedTensors = packed::Codec<ct::PackQuantized, ct::NaiveQuantized, ct::Float4>;

STRATA_QUANT_PLUGIN(CompressedTensors, "compressed_tensors", "1.0.0");
