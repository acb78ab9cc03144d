// A tokenizer.json under construction: the steps of a tokenizer class around its BPE.
#pragma once
#include "text/description.hpp"
#include "text/tokenizer_classes.hpp"
#include "text/tokenizer_config.hpp"

namespace strata::text {

// The whole description but the model's vocab and merges, the added tokens and the post-processor.
Description class_description(const TokenizerClass& known, const TokenizerConfig& config);

}  // namespace strata::text
