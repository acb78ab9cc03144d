// The quantization of a checkpoint's weights, from its configuration or its tensors' names.
#pragma once
#include <string>

#include "core/json.hpp"
#include "core/source/checkpoint.hpp"

namespace strata::source {

// The quantization, as "GPTQ (4 bits)", that config.json's quantization_config, compression_config
// or MLX's quantization names, else the file that a quantizing program left beside it; "" where
// none is named.
std::string configured_quantization(const Checkpoint& checkpoint);

// The object that names it in the configuration, which plugins get as their options; from another
// program's file with the "quant_method" that the file's name says. null where there is none.
Json quantization_options(const Checkpoint& checkpoint);

// The configuration without the objects that name one, for weights that are plain now. Throws Error
// in `name`'s words where it is no JSON.
std::string without_quantization(const std::string& config, const std::string& name);

// The same where the tensors are quantized: some hold codes ("x.weight" of int8, float8), or have a
// companion that only a quantized weight has ("x.qweight", "x.weight_scale_inv"). Where the
// configuration names none, the tensors' names do. "" where all are plain, or in blocks that codecs
// know.
std::string quantization_of(const Checkpoint& checkpoint);

// Throws the Error that says that this quantization is not supported.
[[noreturn]] void refuse_quantization(const Checkpoint& checkpoint, const std::string& name);

// Whether its elements are not a weight's numbers: integers, and floating types that nothing here
// reads.
bool holds_codes(const Tensor& form);

}  // namespace strata::source
