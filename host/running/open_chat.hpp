// What lies beside a checkpoint for conversations and for generating.
#pragma once
#include "core/run/generation_config.hpp"
#include "core/source/checkpoint.hpp"
#include "core/text/chat_template.hpp"
#include "core/text/tokenizer.hpp"

namespace strata::host {

// The model's chat templates: of GGUF metadata, or of the files beside it. Throws Error without
// one.
text::ChatTemplate open_chat(const source::Checkpoint& checkpoint,
                             const text::Tokenizer& tokenizer);

// generation_config.json, or nothing set where there is none.
run::GenerationConfig open_generation_config(const source::Checkpoint& checkpoint);

}  // namespace strata::host
