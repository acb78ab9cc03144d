// A tokenizer.json in the making: the steps that a class of tokenizers has around its BPE.
#pragma once
#include "core/text/description.hpp"
#include "core/text/tokenizer_classes.hpp"
#include "core/text/tokenizer_config.hpp"

namespace strata::text {

// Everything but the model's vocab and merges, the added tokens and the post-processor.
Description class_description(const TokenizerClass& known, const TokenizerConfig& config);

}  // namespace strata::text
