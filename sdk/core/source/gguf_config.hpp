// config.json and the vocabulary from GGUF metadata.
#pragma once
#include <string>

#include "core/source/gguf.hpp"
#include "core/source/gguf_mapping.hpp"
#include "core/source/gguf_rope.hpp"
#include "core/source/gguf_vocabulary.hpp"

namespace strata::source {

// The config.json that the mapping makes of the file, ending in a newline. Throws Error naming file
// and metadata key for a missing value and for a scaling that config.json cannot express.
std::string gguf_config(const Gguf& file, const GgufMapping& mapping,
                        const GgufRopeFactors& factors);

// The tokenizer's metadata; missing tokens stay empty.
source::GgufVocabulary gguf_vocabulary(const Gguf& file);

}  // namespace strata::source
