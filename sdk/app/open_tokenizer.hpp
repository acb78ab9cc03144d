// A model's tokenizer.
#pragma once
#include <string>

#include "app/log.hpp"
#include "core/source/checkpoint.hpp"
#include "text/tokenizer.hpp"

namespace strata::app {

// The tokenizer of GGUF metadata, or of the files beside the checkpoint; the log gets warnings
// about settings that are not followed. Throws Error if there is none that can be read;
// `takes_ids`: the user may give ids in place of text, as the error then says.
text::Tokenizer open_tokenizer(const source::Checkpoint& checkpoint, const Log& log,
                               bool takes_ids = false);

// The same from a path to MODEL. Nothing else is read: it needs no weights, and a folder needs no
// config.json.
text::Tokenizer open_tokenizer(const std::string& path, const Log& log);

}  // namespace strata::app
