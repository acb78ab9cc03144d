// Opens the chat template and the generation settings that lie beside a checkpoint.
#pragma once
#include "core/run/generation_config.hpp"
#include "core/source/checkpoint.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace strata::app {

// The model's chat templates, from GGUF metadata or from the files beside it. Throws Error if there
// is none.
text::ChatTemplate open_chat(const source::Checkpoint& checkpoint,
                             const text::Tokenizer& tokenizer);

// generation_config.json; nothing is set if there is none.
run::GenerationConfig open_generation_config(const source::Checkpoint& checkpoint);

}  // namespace strata::app
