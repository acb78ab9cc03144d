// The tokens that transformers adds to a folder's tokenizer because of its configuration.
#pragma once
#include <string>
#include <unordered_set>

#include "text/additions.hpp"
#include "text/tokenizer_config.hpp"

namespace strata::text {

// `there` are the contents of tokens added before; `own_ends`: the description has its own
// post-processor.
Additions additions_of(const TokenizerConfig& config, std::unordered_set<std::string> there,
                       bool own_ends);

}  // namespace strata::text
