// How a checkpoint's weights are quantized, as its configuration or its tensors' names say.
#pragma once
#include <string>

#include "core/source/checkpoint.hpp"

namespace strata::source {

// "GPTQ (4 bits)", of config.json's quantization_config, compression_config or MLX's quantization,
// else of the file that a quantizing program left beside it; "" where none is named.
std::string configured_quantization(const Checkpoint& checkpoint);

// The same where the tensors are quantized: some hold codes ("x.weight" of int8, float8), or lie
// beside what only a quantized weight has ("x.qweight", "x.weight_scale_inv"). Where the
// configuration names none, the tensors' names do. "" where all are plain, or in blocks that codecs
// know.
std::string quantization_of(const Checkpoint& checkpoint);

// Throws the Error that says the form is not read.
[[noreturn]] void refuse_quantization(const Checkpoint& checkpoint, const std::string& name);

// Elements that are no numbers of a weight: integers, and floating types that nothing here reads.
bool holds_codes(const Tensor& form);

}  // namespace strata::source
