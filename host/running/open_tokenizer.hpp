// A model's tokenizer.
#pragma once
#include <string>

#include "core/source/checkpoint.hpp"
#include "core/text/tokenizer.hpp"

namespace strata::host {

// Of GGUF metadata, or of the files beside the checkpoint; warns of what of them is not followed.
// Throws Error where there is none that can be read.
text::Tokenizer open_tokenizer(const source::Checkpoint& checkpoint);

// The same of MODEL, of which no more is read: it needs no weights, and a folder no config.json.
text::Tokenizer open_tokenizer(const std::string& path);

}  // namespace strata::host
